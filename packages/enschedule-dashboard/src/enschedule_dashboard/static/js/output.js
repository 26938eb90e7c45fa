// The output of a run: any line of it, what is found in it, and more as it comes. The server reads chunks into lines and
// styles (the same for the page and for this); here text only ever becomes text nodes.
import { refresh } from "./live.js";
import { zone } from "./time.js";
import { Window } from "./window.js";

const MOST = 20000; // lines that are kept at hand
const PAGE = 250;
const SILENCE = 30000;
const list = document.getElementById("lines");
const data = list.dataset;
const one = (selector) => document.querySelector(selector);
const [nothing, nothingWords, size] = [one("#nothing"), one("#nothing-words"), one("[data-lines]")];
const [follow, wrap, since, said, firstLink] = ["follow", "wrap", "since", "said", "error"].map((name) => one(`[data-${name}]`));
const [down, field, tools] = ["down", "find", "tools"].map((name) => one(`[data-${name}]`));

export const lines = new Map(); // position: line
export const state = { find: data.find, here: 0 }; // what is looked for, and the position of the line found
let { stream } = data;
let cursor = data.after, complete = data.complete === "true", status = data.status;
let error = Number(data.error), unseen = 0, untold = 0, chosen = 0;
let source, heard, asking = false, sinceStart = data.times === "start";

export const words = (number, one_, many = `${one_}s`) => `${number.toLocaleString("en")} ${number === 1 ? one_ : many}`;
const address = (name, more) => {
  const query = new URLSearchParams(more);
  for (const [key, value] of Object.entries({ stream, find: state.find })) if (value) query.set(key, value);
  return `${data.run}/${name}?${query}`;
};
export const ask = async (name, more) => {
  const answer = await fetch(address(name, more), { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

// ---- a row ----

const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const start = Number(data.start);

function after(at) { // the same words as output.since on the server
  const whole = Math.max(0, at - start), minutes = Math.floor(whole / 60000) % 60, hours = Math.floor(whole / 3600000);
  const seconds = ((whole % 60000) / 1000).toFixed(3);
  if (whole < 60000) return `+${seconds}`;
  return hours ? `+${hours}:${String(minutes).padStart(2, "0")}:${seconds.padStart(6, "0")}` : `+${minutes}:${seconds.padStart(6, "0")}`;
}

function stamp(line, before) {
  if (sinceStart && start) return after(line.at);
  const second = Math.floor(line.at / 1000);
  const fraction = `.${String(line.at % 1000).padStart(3, "0")}`;
  return before && Math.floor(before.at / 1000) === second ? fraction : clock.format(second * 1000) + fraction;
}

function make(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function build(position, line) {
  if (line?.element) return dress(line.element, position);
  const row = make("li", line?.stream === "stderr" ? "err" : "std");
  if (!line) {
    row.append(make("span", "ln", stream ? "" : position));
    row.setAttribute("aria-hidden", "true");
    return row;
  }
  row.id = `L${line.line}`;
  if (line.kind === "gap") row.classList.add("gap");
  const number = make("a", "ln", line.line);
  number.tabIndex = -1; // thousands of stops on the way to what comes after them
  number.href = `#L${line.line}`;
  number.setAttribute("aria-label", `Line ${line.line}${line.stream === "stderr" ? ", stderr" : ""}`);
  const time = make("time", "", stamp(line, lines.get(position - 1)));
  time.dateTime = new Date(line.at).toISOString();
  time.title = `${clock.format(line.at)}${start ? `, ${after(line.at)} since the start` : ""}`;
  const text = make("span", "said");
  for (const [part, classes] of line.parts) {
    text.append(classes ? make(/\bsought\b/.test(classes) ? "mark" : "span", classes, part) : part);
  }
  row.append(number, time, text);
  if (line.left_out) text.append(make("span", "cut", ` … ${words(line.left_out, "more character")}, in the download`));
  return dress(row, position);
}

function dress(row, position) { // what changes while a row stays
  row.setAttribute("aria-posinset", position);
  row.setAttribute("aria-setsize", shown.total);
  row.classList.toggle("first-error", position === error);
  row.classList.toggle("here", position === state.here);
  const isChosen = row.id === `L${chosen}`;
  row.classList.toggle("chosen", isChosen);
  const copy = row.querySelector(".copy");
  if (isChosen && !copy && navigator.clipboard) {
    const button = make("button", "link copy", "Copy link");
    button.type = "button";
    row.append(button);
  } else if (!isChosen) copy?.remove();
  return row;
}

// ---- the window ----

const view = list.parentElement.parentElement;
export const shown = new Window(view, list, {
  line: (position) => lines.get(position),
  build,
  missing: (first) => { clearTimeout(missing); missing = setTimeout(load, lines.size ? 40 : 0, first); },
  painted: stampFirst,
  moved: () => { if (!complete && shown.isAtEnd) shown.pin = "end"; tell(); },
});
let missing, wanted = 0;

let stamped = 0;
function stampFirst(position) { // the first line in view has its whole time
  for (const at of [stamped, position]) {
    const row = shown.shown.get(at), time = row?.line && row.element.querySelector("time");
    const words = time && stamp(row.line, at === position ? null : lines.get(at - 1));
    if (time && time.textContent !== words) time.textContent = words;
  }
  stamped = position;
}

async function load(first) { // one request at a time; what is wanted meanwhile is asked for next
  wanted = first;
  if (asking) return;
  asking = true;
  while (wanted) {
    const began = address(""), from = Math.floor((wanted - 1) / PAGE) * PAGE + 1;
    wanted = 0;
    try {
      const page = await ask("output.json", { from, limit: PAGE * 2 });
      if (began === address("")) take(page, false); else wanted ||= 1;
    } catch {
      await new Promise((done) => setTimeout(done, 2000));
      wanted ||= from;
    }
  }
  asking = false;
}

function take(page, isNews) {
  for (const line of page.items) lines.set(line.position, line);
  const fresh = page.lines - shown.total;
  shown.total = page.lines;
  error = page.first_error ?? 0;
  if (isNews || cursor === "") cursor = `${page.fence}.${page.next_after}`;
  if (isNews && fresh > 0) { unseen += shown.pin === "end" ? 0 : fresh; untold += fresh; }
  if (lines.size > MOST) prune();
  redress();
  shown.paint();
  tell();
  if (page.status !== status) { status = page.status; refresh(); }
}

function prune() {
  const middle = shown.at(shown.top);
  for (const position of lines.keys()) if (Math.abs(position - middle) > MOST / 4) lines.delete(position);
}

export function redress() {
  for (const [position, row] of shown.shown) if (row.line) dress(row.element, position);
}

function tell() {
  const total = shown.total;
  if (shown.pin === "end" || shown.isAtEnd) unseen = 0;
  down.hidden = !unseen;
  if (unseen) down.textContent = `${words(unseen, "new line")} ↓`;
  view.hidden = !total;
  tools.hidden = !total && !stream;
  nothing.hidden = total > 0;
  const why = stream ? `Nothing on ${stream}.` : nothingWords.textContent;
  if (!total && nothing.textContent !== why) nothing.textContent = why;
  firstLink.hidden = !error;
  firstLink.href = `#L${error}`;
  list.classList.toggle("many", total > 9999);
  if (complete && size) { size.dataset.live = ""; delete size.dataset.lines; } // also after a page from before the end
  follow.hidden = complete;
  follow.setAttribute("aria-pressed", shown.pin === "end");
  if (!complete && size) size.textContent = total ? `${words(total, "line")} so far` : "";
}

// For ears: not every line, but now and then how many there were.
setInterval(() => {
  if (untold) said.textContent = `${words(untold, "new line")}.`;
  untold = 0;
}, 10000);

function again() { // other lines from here on: of one stream, of another claim of the run
  lines.clear();
  shown.clear();
  shown.total = 0;
  [cursor, unseen, error, state.here] = ["", 0, 0, 0];
  if (shown.pin !== "end") shown.keep(null);
}

// ---- more, as it comes ----

export function listen() {
  source?.close();
  if (complete || document.hidden) return;
  heard = Date.now();
  source = new EventSource(address("output.events", { after: cursor }));
  const on = (name, act) => source.addEventListener(name, (event) => { heard = Date.now(); act(event.data && JSON.parse(event.data)); });
  on("lines", (page) => take(page, true));
  on("again", again);
  on("still", () => {});
  on("end", finish);
  source.addEventListener("error", (event) => { if (event.target === source && source.readyState === EventSource.CLOSED) poll(); });
}

function finish() {
  complete = true;
  source?.close();
  tell();
  refresh();
}

async function poll() { // where events do not come through
  source?.close();
  source = null;
  while (!complete && !source && !document.hidden) {
    try {
      const page = await ask("output.json", { after: cursor });
      if (cursor && Number(cursor.split(".")[0]) !== page.fence) { again(); continue; }
      take(page, true);
      if (page.complete) return finish();
    } catch (problem) {
      if (/40[14]/.test(problem.message)) return;
    }
    await new Promise((done) => setTimeout(done, 2000));
  }
}

setInterval(() => { if (source && !complete && !document.hidden && Date.now() - heard > SILENCE) poll(); }, 5000);
document.addEventListener("enschedule:live", tell);
document.addEventListener("visibilitychange", listen); // a browser has only six connections to a server, for all tabs

export function jump(position) {
  shown.keep(position);
  redress();
  tell();
}

// ---- find: what that takes is fetched by who looks for something ----

const finder = () => import("./find.js");
field.addEventListener("focus", finder, { once: true });
field.form.addEventListener("submit", (event) => { event.preventDefault(); finder().then(({ go }) => go(1)); });

// ---- what is shown, and how ----

function show(name) {
  if (stream === name) return;
  stream = name;
  again();
  for (const link of document.querySelectorAll("a[data-stream]")) {
    if (link.dataset.stream === name) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  const loaded = complete ? load(1) : ask("output.json", { from: shown.pin ? -PAGE : 1, limit: PAGE }).then((page) => take(page, false)).then(listen);
  if (state.find) loaded.then(finder).then(({ search }) => search());
  return loaded;
}
for (const link of document.querySelectorAll("a[data-stream]")) link.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  show(link.dataset.stream);
});

function toggle(button, name, set) {
  const kept = localStorage.getItem(name);
  set(kept === null ? button.getAttribute("aria-pressed") === "true" : kept === "yes");
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const on = button.getAttribute("aria-pressed") !== "true";
    localStorage.setItem(name, on ? "yes" : "no");
    set(on);
  });
}

async function choose(line) {
  if (stream) await show("");
  chosen = line;
  jump(Math.min(line, shown.total || line));
}
const named = () => Number(/^#L(\d{1,9})$/.exec(location.hash)?.[1] ?? 0);

list.addEventListener("click", (event) => {
  if (event.target.closest(".copy")) {
    navigator.clipboard.writeText(location.href.split("#")[0] + `#L${chosen}`);
    event.target.textContent = "Copied";
  }
  const number = event.target.closest("a.ln");
  if (!number || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  history.replaceState(null, "", number.hash);
  chosen = named();
  redress();
});
addEventListener("hashchange", () => { if (named()) choose(named()); });
firstLink.addEventListener("click", (event) => {
  event.preventDefault();
  if (stream) return jump(error);
  history.replaceState(null, "", `#L${error}`);
  choose(error);
});
follow.addEventListener("click", () => { if (shown.pin === "end") { shown.pin = null; tell(); } else { shown.keep("end"); tell(); } });
down.addEventListener("click", () => { shown.keep("end"); tell(); view.focus({ preventScroll: true }); });

// What the page came with is kept, row by row.
let position = Number(data.first);
for (const row of [...list.children]) lines.set(position++, { element: row, at: Date.parse(row.querySelector("time").dateTime) });
list.replaceChildren();
shown.total = Number(data.total);
toggle(wrap, "enschedule_wrap", (on) => {
  wrap.setAttribute("aria-pressed", on);
  list.classList.toggle("nowrap", !on);
  shown.forget();
  shown.plan();
});
toggle(since, "enschedule_since", (on) => {
  const changed = on !== sinceStart;
  since.setAttribute("aria-pressed", on);
  sinceStart = on;
  if (changed) { for (const [at, line] of lines) if (line.element) lines.delete(at); else lines.set(at, { ...line }); shown.plan(); }
});
if (named()) choose(named());
else if (!complete) shown.keep("end");
else {
  shown.paint();
  if (data.first > 1) shown.top = shown.offset(Number(data.first));
}
if (state.find) finder().then(({ search }) => search());
tell();
listen();
