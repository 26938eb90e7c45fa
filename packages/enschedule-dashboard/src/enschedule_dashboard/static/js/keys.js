// One key each, never inside a field: / search, n new, r run, p pause, e edit, t theme, j k Enter rows, ? this list.
import { toggle } from "./theme.js";

const HELP = [
  ["/", "search"], ["Ctrl K", "go to, do"], ["n", "new schedule"], ["j  k", "next and previous row"], ["Enter", "open the row"],
  ["r", "run now, run again"], ["p", "pause or resume"], ["e", "edit"], ["t", "light or dark"], ["?", "this list"],
];

const seen = (element) => element.getClientRects().length > 0;
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

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

function help() {
  let dialog = document.getElementById("keys");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "keys";
    dialog.setAttribute("aria-label", "Keys");
    const list = document.createElement("dl");
    list.className = "keys";
    for (const [key, words] of HELP) {
      const name = document.createElement("dt");
      for (const part of key.split("  ")) {
        const cap = document.createElement("kbd");
        cap.textContent = part;
        name.append(cap, " ");
      }
      const text = document.createElement("dd");
      text.textContent = words;
      list.append(name, text);
    }
    dialog.append(list);
    dialog.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
  }
  if (dialog.open) dialog.close();
  else dialog.showModal();
  return true;
}

function act(key) {
  if (key === "t") return toggle(), true;
  if (key === "?") return help();
  if (key === "j" || key === "k") return move(key === "j" ? 1 : -1);
  if (key === "Enter") return open();
  return press(key);
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
