// Ctrl-K: the page /go in a dialog. What is typed is looked up as it is typed; arrows and Enter choose.
const AFTER = 120;
let dialog, field, list, timer, shown, entered, asked = 0;

const hits = () => [...list.querySelectorAll(".hit")];
const current = () => list.querySelector(".hit.on");

function choose(hit) {
  current()?.classList.remove("on");
  if (!hit) return field.removeAttribute("aria-activedescendant");
  hit.classList.add("on");
  hit.id = "palette-hit";
  for (const other of hits()) if (other !== hit) other.removeAttribute("id");
  field.setAttribute("aria-activedescendant", hit.id);
  hit.scrollIntoView({ block: "nearest" });
}

async function look() {
  const mine = ++asked;
  const text = field.value;
  const root = document.documentElement.dataset.root;
  const query = new URLSearchParams({ q: text, at: location.pathname.slice(root.length) });
  try {
    const response = await fetch(`${root}/go?${query}`, { headers: { Accept: "text/html" } });
    const found = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("found");
    if (mine !== asked || !found) return;
    list.replaceChildren(...found.childNodes);
    for (const hit of hits()) hit.tabIndex = -1;
    choose(hits()[0]);
    shown = text;
    if (entered) enter();
  } catch {
    if (mine === asked) list.textContent = "The worker does not answer.";
  }
}

// What is chosen belongs to what was typed before, until the answer to the newest letter is there.
function enter() {
  entered = field.value !== shown;
  if (!entered) current()?.click();
}

function press(event) {
  const all = hits();
  const at = all.indexOf(current());
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(all[(at + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    enter();
  } else if (event.key === "Escape") {
    event.preventDefault(); // it would only empty the field
    dialog.close();
  }
}

function make() {
  dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Search or go to");
  field = document.createElement("input");
  Object.assign(field, { type: "search", placeholder: "Search or go to…", autocomplete: "off", spellcheck: false });
  field.setAttribute("aria-label", "Search or go to");
  field.setAttribute("aria-controls", "palette-found");
  list = document.createElement("div");
  list.id = "palette-found";
  list.className = "found";
  dialog.append(field, list);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    entered = false;
    timer = setTimeout(look, AFTER);
  });
  field.addEventListener("keydown", press);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
}

function open() {
  if (!dialog) make();
  if (dialog.open) return dialog.close();
  field.value = "";
  shown = undefined;
  entered = false;
  list.replaceChildren();
  dialog.showModal();
  look();
}

export function startPalette() {
  if (!document.querySelector(".find")) return;
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
}
