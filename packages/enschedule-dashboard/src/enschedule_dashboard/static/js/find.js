// Finds lines in all of a run's output: the server looks for them, here they are counted and gone through.
import { ask, jump, lines, listen, shown, state, words } from "./output.js";

const MOST = 10000; // positions that an answer has at most
const field = document.querySelector("[data-find]"), count = document.querySelector("[data-find-count]");
let hits = [], low = 1, high = Infinity, before = 0, total = 0, searched = -1, typing, looking;

function keep(from, found) { // the lines found from `low` to `high`: `hits`, and how many are `before` them
  [hits, low] = [found.positions, from];
  before = from === 1 ? 0 : found.next_from ? NaN : total - found.count;
  high = found.count > hits.length ? hits.at(-1) : (found.next_from ?? Infinity);
}

export async function search() {
  const sought = state.find;
  [state.here, hits, total, searched] = [0, [], 0, shown.total];
  for (let from = 1; from && sought; ) {
    const found = await ask("find.json", { from }).catch(() => null);
    if (!found || sought !== state.find) return;
    if (from === 1) keep(1, found);
    total += found.count;
    from = found.next_from;
    count.textContent = from ? `${words(total, "line")}, looking…` : total ? words(total, "line") : "none";
  }
  if (!sought) count.textContent = "";
}

function look() { // for what the field says now
  clearTimeout(typing);
  if (state.find !== field.value) {
    state.find = field.value;
    lines.clear(); // what stands there stays until it comes with its marks
    shown.plan();
    listen();
    looking = search();
  }
  return looking;
}

async function next(from, step) { // the index of the nearest line found behind that one, or before it
  const behind = () => hits.findIndex((hit) => hit > from), ahead = () => hits.findLastIndex((hit) => hit < from);
  const read = async (first) => keep(first, await ask("find.json", { from: first }));
  if (step > 0) {
    if (from + 1 < low || (behind() < 0 && high < Infinity)) await read(from + 1);
    return behind();
  }
  if (from > high + 1) await read(Math.max(1, from - MOST));
  while (ahead() < 0 && low > 1) await read(Math.max(1, low - MOST));
  return ahead();
}

export async function go(step) {
  await look();
  if (searched !== shown.total) { // there is more by now
    const was = state.here;
    await search();
    state.here = was;
  }
  if (!total) return;
  let index = await next(state.here || shown.at(shown.top) - (step > 0 ? 1 : 0), step);
  if (index < 0) index = await next(step > 0 ? 0 : shown.total + 1, step); // round the end
  if (index < 0) return;
  state.here = hits[index];
  const which = before + index + 1;
  count.textContent = `${which ? `${which.toLocaleString("en")} of ` : ""}${words(total, "line")}`;
  jump(state.here);
}

field.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, 150);
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); go(-1); }
  if (event.key === "Escape") { field.value = ""; look(); }
});
for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => go(Number(button.dataset.step)));
look(); // what was typed while this was on its way
