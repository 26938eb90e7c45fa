// Forms with buttons that change the form itself (rows, form or JSON, a suggestion): the server draws the form
// anew, here only the changed sections are exchanged. Without this script the same buttons load the page again.

const form = document.querySelector("[data-editor]");
let touched = false;

function sections(root) {
  return [...root.querySelectorAll("[data-editor] > [id]")];
}

async function swap(button) {
  // form.action would be the buttons of that name
  const body = new FormData(form, button);
  form.classList.add("is-busy");
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.querySelector("[data-editor]")) return button.form.requestSubmit(button);
    const mine = button.closest("[id^=step-]")?.id;
    for (const fresh of sections(page)) {
      if (fresh.id !== mine && fresh.id !== "outlook") continue;
      document.getElementById(fresh.id)?.replaceWith(document.adoptNode(fresh));
    }
    const place = document.getElementById(mine);
    const next = button.dataset.focus === "last"
      ? [...place.querySelectorAll("[data-row]")].at(-1)?.querySelector("input")
      : place.querySelector("[aria-pressed=true], [aria-invalid], .large, input:not([type=hidden])");
    (button.value === "to_json" || button.value === "to_form" ? place.querySelector(`[value=${button.value}]`) : next)?.focus();
    form.dispatchEvent(new Event("swapped"));
  } catch {
    form.requestSubmit(button);
  } finally {
    form.classList.remove("is-busy");
  }
}

function slug(title) {
  return title.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "").slice(0, 100).replace(/[-._]+$/, "");
}

function showSlug() {
  const shown = document.getElementById("slug");
  const own = document.getElementById("id");
  if (!shown || !own) return;
  const found = slug(document.getElementById("title").value);
  shown.textContent = own.value.trim() || found || "from the title";
  own.placeholder = found || "check-web-shop";
}

if (form) {
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-swap]");
    if (!button || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    swap(button);
  });
  form.addEventListener("input", (event) => {
    touched = true;
    if (event.target.id === "title" || event.target.id === "id") showSlug();
    if (event.target.matches("[aria-invalid]") && !event.target.id.startsWith("when-")) {
      event.target.removeAttribute("aria-invalid");
    }
  });
  form.addEventListener("submit", () => { touched = false; });
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-save]"));
    }
  });
  addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
  form.querySelector("[aria-invalid]")?.focus();
}

const filter = document.querySelector("[data-filter]");
if (filter) {
  const rows = [...document.querySelector(filter.dataset.filter)?.querySelectorAll("[data-text]") ?? []];
  const none = document.getElementById("handlers-none");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.toLowerCase().includes(word));
    if (none) none.hidden = rows.some((row) => !row.hidden);
  });
  filter.form.addEventListener("submit", (event) => {
    const left = rows.filter((row) => !row.hidden);
    if (left.length === 1) { event.preventDefault(); left[0].querySelector("a").click(); }
  });
}
