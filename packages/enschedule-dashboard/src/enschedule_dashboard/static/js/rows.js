// Lists whose rows can be ticked: how many are, all of a page at once, a stretch of them with Shift. And the search of a
// list, which completes its last word: `sta` to `status:`, `tag:sh` to `tag:shop`.
const boxes = () => [...document.querySelectorAll("#list input[name=id]")];
const over = () => document.querySelector("[data-pick-all]");
const every = document.querySelector("[data-every]");
let last = null;
let counted = false;

function tell() {
  const all = boxes();
  const ticked = all.filter((box) => box.checked);
  // Grouped by tag, a schedule is there once for each of its tags.
  const words = every?.checked ? "All that match are selected" : `${new Set(ticked.map((box) => box.value)).size} selected`;
  const line = document.querySelector("[data-picked]");
  if (line && line.textContent !== words) line.textContent = words;
  if (over()) {
    over().checked = ticked.length > 0 && ticked.length === all.length;
    over().indeterminate = ticked.length > 0 && ticked.length < all.length;
  }
  if (!ticked.length && every) every.checked = false;
  if (ticked.length && every && !counted) count();
}

// Only now, because a long list is not counted for those who only read it.
async function count() {
  counted = true;
  try {
    const answer = await fetch(every.dataset.every, { headers: { Accept: "application/json" } });
    const found = await answer.json();
    if (!answer.ok) return;
    const number = found.count.toLocaleString("en");
    every.nextElementSibling.textContent = `Select all ${found.is_more ? "of more than " : ""}${number} that match`;
  } catch {
    counted = false; // the words that stand there are true, too
  }
}

function tick(value) {
  for (const box of boxes()) box.checked = value;
  tell();
}

function pick(event) {
  const box = event.target;
  if (box.matches("[data-pick-all]")) return tick(box.checked);
  if (!box.matches("input[name=id], [data-every]")) return;
  if (event.shiftKey && last?.isConnected) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  if (box.name === "id") {
    last = box;
    for (const one of boxes()) if (one.value === box.value) one.checked = box.checked;
  }
  tell();
}

const field = document.querySelector("input[data-words]");
let words;

async function complete() {
  words ??= fetch(field.dataset.words, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : [])).catch(() => []);
  const known = new Map(await words);
  const cut = field.value.lastIndexOf(" ") + 1;
  const [before, typed] = [field.value.slice(0, cut), field.value.slice(cut).toLowerCase()];
  const colon = typed.indexOf(":");
  const name = typed.slice(0, colon);
  const found = colon < 0 ? [...known.keys()].map((one) => `${one}:`) : (known.get(name) || []).map((one) => `${name}:${one}`);
  const fits = found.filter((one) => one.toLowerCase().startsWith(typed) && one !== typed).slice(0, 20);
  field.list.replaceChildren(...fits.map((one) => Object.assign(document.createElement("option"), { value: before + one })));
}

document.addEventListener("click", pick);
document.addEventListener("click", ({ target }) => target.closest("[data-pick-none], [data-pick-page]") && tick("pickPage" in target.dataset));
document.addEventListener("keydown", (event) => event.key === "Escape" && !document.querySelector("dialog[open], details.menu[open]") && !event.target.matches("input[type=search]") && tick(false));
document.addEventListener("enschedule:live", tell);
addEventListener("pageshow", tell);
for (const kind of ["focus", "input"]) field?.addEventListener(kind, complete);
