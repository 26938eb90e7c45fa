// Forms with buttons that change the form itself (rows, form or JSON, a suggestion): the server draws the form
// anew, here only the changed sections are exchanged. Without this script the same buttons load the page again.

const form = document.querySelector("[data-editor]");
let touched = "sent" in document.documentElement.dataset;

const firstOf = (place) => place?.matches("input, select, textarea") ? place
  : [...place?.querySelectorAll("input:not([type=hidden]), select, textarea") ?? []].find((one) => one.checkVisibility());

function focusWrong() {
  const wrong = [...form.querySelectorAll("[aria-invalid]")].find((one) => one.checkVisibility());
  firstOf(wrong)?.focus();
}

// The new row of a list that has grown, the button itself, after a removal the one that adds; else the same control.
function focusAfter(place, target) {
  const buttons = [...place.querySelectorAll("button[data-swap]")];
  const value = target.value.replace(/^remove:(.*):\d+$/, "add:$1");
  const again = target.matches("button") && buttons.find((one) => one.value === value);
  if (again && target.dataset.focus === "last") {
    firstOf([...again.closest("p").parentElement.children].filter((one) => one.matches("[data-row]")).at(-1))?.focus();
  } else if (again) {
    (again.disabled ? again.parentElement.querySelector("button:not([disabled])") : again)?.focus();
  } else {
    const same = [...place.querySelectorAll("[name]")].find((one) => one.name === target.name && (one.type !== "radio" || one.checked));
    const large = [...place.querySelectorAll(".large")].find((one) => one.checkVisibility());
    (target.name !== "action" && same || large || firstOf(place))?.focus();
  }
}

// Sends the form with one more value, as its button would, and takes over one section and what will happen.
async function swap(target, name, value, part) {
  const body = new URLSearchParams(new FormData(form));
  body.append(name, value);
  const stamp = form.dataset.typed;
  form.classList.add("is-busy");
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.querySelector("[data-editor]")) throw new Error("another page");
    if (name === "action" && value === "mode" && stamp !== form.dataset.typed) return; // what was typed meanwhile stays
    for (const id of [part, "outlook"]) {
      const fresh = page.getElementById(id);
      if (fresh) document.getElementById(id)?.replaceWith(document.adoptNode(fresh));
    }
    touched = true;
    focusAfter(document.getElementById(part), target);
    form.dispatchEvent(new Event("swapped"));
  } catch {
    if (target.matches("button")) form.requestSubmit(target);
  } finally {
    form.classList.remove("is-busy");
  }
}

const partOf = (element) => element.dataset.swap || element.closest("[id^=step-]")?.id;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function tell(words) {
  form.querySelector(":scope > .problem")?.remove();
  const line = Object.assign(document.createElement("p"), { textContent: words });
  const box = Object.assign(document.createElement("div"), { className: "problem", role: "alert", tabIndex: -1 });
  box.append(line);
  form.prepend(box);
  box.focus();
}

function slug(title) {
  return title.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "").slice(0, 100).replace(/[-._]+$/, "");
}

function showSlug() {
  const shown = document.getElementById("slug");
  const own = document.getElementById("id");
  if (!shown || !own) return;
  const found = slug(document.getElementById("title").value);
  const id = own.value.trim() || found;
  shown.textContent = id || "from the title";
  shown.classList.toggle("mono", Boolean(id));
  own.placeholder = found || "check-web-shop";
}

if (form) {
  form.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const place = link && document.getElementById(link.getAttribute("href").slice(1));
    if (place) {
      event.preventDefault();
      for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      if (place.matches("details")) place.open = true;
      (firstOf(place) ?? place).focus();
    }
    const button = event.target.closest("button[data-swap]");
    if (!button || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    swap(button, button.name, button.value, partOf(button));
  });
  form.addEventListener("input", (event) => {
    touched = true;
    form.dataset.typed = Number(form.dataset.typed ?? 0) + (event.target.type === "radio" ? 0 : 1);
    if (event.target.id === "title" || event.target.id === "id") showSlug();
    if (event.target.matches("[aria-invalid]") && !event.target.id.startsWith("when-")) {
      event.target.removeAttribute("aria-invalid");
    }
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-vary]")) swap(event.target, "action", "vary:", partOf(event.target));
    if (event.target.name === "when_mode") swap(event.target, "action", "mode", partOf(event.target));
  });
  form.addEventListener("submit", (event) => {
    const sent = String(new URLSearchParams(new FormData(form))).length;
    if (sent > form.dataset.most) { // it would be refused unread, and what was typed would be gone
      event.preventDefault();
      return tell(`This has ${megabytes(sent)}, and a form may have ${megabytes(form.dataset.most)}. Nothing was sent. Data as large as this belong to a file or an address that the handler reads.`);
    }
    touched = false;
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-save]"));
    }
  });
  addEventListener("beforeunload", (event) => { if (touched) event.preventDefault(); });
  focusWrong();
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
