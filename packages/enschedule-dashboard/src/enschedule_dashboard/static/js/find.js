// Finds lines in all of a run's output: the server looks for them, here they are counted and gone through.
import { ask, jump, lines, listen, shown, state, words } from "./output.js";

const MOST = 10000; // lines found that can be gone through
const field = document.querySelector("[data-find]"), count = document.querySelector("[data-find-count]");
let hits = [], total = 0, searched = -1, typing;

export async function search() {
  const sought = state.find;
  [state.here, hits, total, searched] = [0, [], 0, shown.total];
  for (let from = 1; from && sought; ) {
    const found = await ask("find.json", { from }).catch(() => null);
    if (!found || sought !== state.find) return;
    if (hits.length < MOST) hits.push(...found.positions);
    total += found.count;
    from = found.next_from;
    count.textContent = from ? `${words(total, "line")}, looking…` : total ? words(total, "line") : "none";
  }
  if (!sought) count.textContent = "";
  count.title = total > hits.length ? `The first ${hits.length.toLocaleString("en")} can be gone through` : "";
}

async function look() { // what the field says now
  clearTimeout(typing);
  if (state.find === field.value) return;
  state.find = field.value;
  lines.clear(); // what stands there stays until it comes with its marks
  shown.plan();
  listen();
  await search();
}

export async function go(step) {
  await look();
  if (!state.find) return;
  if (searched !== shown.total) { // there is more by now
    const was = state.here;
    await search();
    state.here = was;
  }
  if (!hits.length) return;
  const from = state.here || shown.at(shown.top) - (step > 0 ? 1 : 0);
  const next = step > 0 ? hits.findIndex((hit) => hit > from) : hits.findLastIndex((hit) => hit < from);
  const index = next >= 0 ? next : step > 0 ? 0 : hits.length - 1;
  state.here = hits[index];
  count.textContent = `${(index + 1).toLocaleString("en")} of ${words(total, "line")}`;
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
