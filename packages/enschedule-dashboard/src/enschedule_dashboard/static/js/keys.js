// One key each, never inside a field: / search, n new, r run, p pause, e edit, t theme, j k x Enter rows, ? the list.
import { toggle } from "./theme.js";

const seen = (element) => element.getClientRects().length > 0;
const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function press(key) {
  const found = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(seen);
  const target = found.find((element) => element.closest("main")) || found[0];
  if (!target) return false;
  if (target.matches("input")) {
    target.focus();
    target.select();
  } else target.click();
  if (target.matches("summary")) target.focus(); // the next Tab is then inside
  return true;
}

// What a key does to the row that j and k have come to goes before what it does to the page.
function inRow(key) {
  const target = document.querySelector(`[data-rows] .cursor [data-row-key="${CSS.escape(key)}"]`);
  target?.click();
  return Boolean(target);
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")].map((link) => link.closest("tr, li"));
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.classList.contains("cursor"));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  rows[at]?.classList.remove("cursor");
  next.classList.add("cursor");
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function open() {
  const link = document.querySelector("[data-rows] .cursor [data-row]");
  link?.click();
  return Boolean(link);
}

// The page /keys in a dialog; where it cannot be asked for, the page itself says why.
async function help() {
  let dialog = document.getElementById("keys");
  const address = `${document.documentElement.dataset.root}/keys`;
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "keys";
    dialog.setAttribute("aria-label", "Keys");
    dialog.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      dialog.append(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("keys-list"));
    } catch {
      location.href = address;
      return;
    }
  }
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function act(key) {
  if (key === "t") return toggle(), true;
  if (key === "?") return help(), true;
  if (key === "j" || key === "k") return move(key === "j" ? 1 : -1);
  if (key === "Enter") return open();
  return inRow(key) || press(key);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.activeElement?.closest("details.menu[open]");
      closeMenus(null);
      menu?.querySelector("summary").focus();
      if (typing(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (act(event.key)) event.preventDefault();
  });
  document.addEventListener("click", (event) => closeMenus(event.target));
}
