// The output of a run: follows it by a cursor, finds in it, shows one stream or both. The server reads chunks into
// lines and styles (the same for the page and for this); here text only ever becomes text nodes.

const list = document.getElementById("lines");
const MOST = 20000;
const nothing = document.getElementById("nothing");
const follow = document.querySelector("[data-follow]");
const firstError = document.querySelector("[data-error]");
let after = list.dataset.after, state = list.dataset.state, fence = list.dataset.fence;
let complete = list.dataset.complete === "true";
let following = true, unseen = 0;

function atEnd() {
  const box = list.getBoundingClientRect();
  return box.bottom <= innerHeight + 40;
}

function build(line) {
  const row = document.createElement("li");
  row.id = `L${line.line}`;
  row.className = line.stream === "stderr" ? "err" : "std";
  if (line.error) row.classList.add("first-error");
  const number = document.createElement("a");
  number.className = "ln";
  number.tabIndex = -1; // thousands of stops on the way to what comes after them
  number.href = `#L${line.line}`;
  number.textContent = line.line;
  number.setAttribute("aria-label", `Line ${line.line}${line.stream === "stderr" ? ", stderr" : ""}`);
  const time = document.createElement("time");
  time.dateTime = line.at;
  time.title = line.exact;
  time.textContent = line.time;
  const said = document.createElement("span");
  said.className = "said";
  row.append(number, time, said);
  return row;
}

function write(said, segments) {
  for (const [text, classes] of segments) {
    if (!classes) { said.append(text); continue; }
    const part = document.createElement("span");
    part.className = classes;
    part.textContent = text;
    said.append(part);
  }
}

function sayNothing() {
  const stream = list.dataset.stream;
  const kind = { stdout: "std", stderr: "err" }[stream];
  nothing.hidden = kind ? list.querySelector(`.${kind}`) !== null : list.childElementCount > 0;
  const words = kind && list.childElementCount ? `Nothing on ${stream}.` : nothing.dataset.words;
  if (nothing.textContent !== words) nothing.textContent = words;
}

function add(lines) {
  const fresh = document.createDocumentFragment();
  let count = 0;
  for (const line of lines) {
    let row = line.new ? null : document.getElementById(`L${line.line}`) ?? fresh.querySelector(`[id="L${line.line}"]`);
    if (!row) { row = build(line); fresh.append(row); count += 1; }
    const said = row.querySelector(".said");
    if (line.reset) said.replaceChildren();
    write(said, line.segments);
    if (line.error && firstError) { firstError.href = `#L${line.line}`; firstError.hidden = false; }
  }
  list.append(fresh);
  while (list.childElementCount > MOST) list.firstElementChild.remove();
  sayNothing();
  return count;
}

function show(count) {
  if (!count) return;
  if (following) { list.lastElementChild?.scrollIntoView({ block: "end" }); return; }
  unseen += count;
  follow.textContent = `${unseen.toLocaleString("en")} new ${unseen === 1 ? "line" : "lines"} ↓`;
  follow.hidden = false;
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const looked = () => document.hidden ? new Promise((done) => document.addEventListener("visibilitychange", done, { once: true })) : null;

async function read() {
  while (!complete) {
    await looked();
    const asked = performance.now();
    try {
      const query = new URLSearchParams({ after, state, fence, wait: 1 });
      const answer = await fetch(`${list.dataset.source}?${query}`, { headers: { Accept: "application/json" } });
      if (answer.status === 404 || answer.status === 401) return;
      if (!answer.ok) throw new Error(answer.status);
      const page = await answer.json();
      if (page.again) { // another worker has begun it anew
        [after, state, fence] = [0, "", page.fence];
        list.replaceChildren();
        continue;
      }
      ({ after, state, fence, complete } = page);
      show(add(page.lines));
      if (!page.lines.length && performance.now() - asked < 500) await sleep(1000);
    } catch {
      await sleep(2000);
    }
  }
}

function setUpFollowing() {
  following = atEnd();
  let last = scrollY;
  addEventListener("scroll", () => {
    if (scrollY < last - 2) following = false;
    if (atEnd()) { following = true; unseen = 0; follow.hidden = true; }
    last = scrollY;
  }, { passive: true });
  follow.addEventListener("click", () => {
    following = true; unseen = 0; follow.hidden = true;
    list.lastElementChild?.scrollIntoView({ block: "end" });
  });
}

function setUpStreams() {
  const links = [...document.querySelectorAll("[data-stream]")].filter((link) => link !== list);
  // The page holds both streams unless the address asked for one; then a link loads the page.
  if (list.dataset.stream) return;
  for (const link of links) link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    list.dataset.stream = link.dataset.stream;
    sayNothing();
    for (const other of links) {
      if (other === link) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
  });
}

function setUpWrap() {
  const button = document.querySelector("[data-wrap]");
  const set = (wraps) => {
    list.classList.toggle("nowrap", !wraps);
    button.setAttribute("aria-pressed", wraps);
  };
  set(localStorage.getItem("enschedule_wrap") !== "no");
  button.addEventListener("click", () => {
    const wraps = list.classList.contains("nowrap");
    localStorage.setItem("enschedule_wrap", wraps ? "yes" : "no");
    set(wraps);
  });
}

function setUpFind() {
  const field = document.querySelector("[data-find]"), count = document.querySelector("[data-find-count]");
  let rows = [], here = -1, timer;
  const unmark = () => {
    for (const row of list.querySelectorAll(".hit")) row.classList.remove("hit", "here");
  };
  const go = (step) => {
    if (!rows.length) return;
    rows[here]?.classList.remove("here");
    here = (here + step + rows.length) % rows.length;
    rows[here].classList.add("here");
    rows[here].scrollIntoView({ block: "center" });
    following = false;
    count.textContent = `${here + 1} of ${rows.length.toLocaleString("en")}`;
  };
  const find = () => {
    unmark();
    const text = field.value.toLowerCase();
    rows = text ? [...list.children].filter((row) => row.lastElementChild.textContent.toLowerCase().includes(text)) : [];
    for (const row of rows) row.classList.add("hit");
    here = -1;
    count.textContent = text ? (rows.length ? `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "line" : "lines"}` : "none") : "";
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 150); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); if (here < 0 && !rows.length) find(); go(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { field.value = ""; find(); }
  });
}

setUpFollowing();
setUpStreams();
setUpWrap();
setUpFind();
// What a run that goes on prints is read on its own; of a long output that is finished, the next page is a link away.
if (!complete && list.dataset.more !== "true" && !list.dataset.stream) {
  document.getElementById("more")?.remove();
  read();
}
