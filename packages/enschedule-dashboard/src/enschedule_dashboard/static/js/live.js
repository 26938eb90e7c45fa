// Keeps a page up to date: every 2 s while it is looked at, the page is fetched again and what changed inside its
// [data-live] regions is changed here, node by node, so that nothing jumps, no menu closes, no mark blinks.
// A region under the pointer, or with the focus in it, waits.
import { readClock, tick, zone } from "./time.js";

const EVERY = 2000;
const SLOWEST = 30000;
let wait = EVERY;
let timer;
let asking = false;

const own = () => [...document.querySelectorAll("[data-live][id]")];

function busy(region) {
  const active = document.activeElement;
  const selection = getSelection();
  return (
    (matchMedia("(hover: hover)").matches && region.matches(":hover")) ||
    (active && active !== document.body && region.contains(active)) ||
    region.querySelector("details[open].menu") ||
    (selection && !selection.isCollapsed && region.contains(selection.anchorNode))
  );
}

// Makes `old` equal to `fresh`, keeping the nodes that stay; one with an id is found again wherever it is by now, so
// that a row takes along what is ticked in it.
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id && old.id !== fresh.id)) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  const keep = old.nodeName === "DETAILS" ? "open" : "";
  const cursor = old.classList.contains("cursor");
  for (const { name } of [...old.attributes]) if (name !== keep && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (cursor) old.classList.add("cursor");
  let at = old.firstChild;
  const wanted = new Set([...fresh.children].map((node) => node.id).filter(Boolean));
  const named = new Map([...old.children].filter((node) => wanted.has(node.id)).map((node) => [node.id, node]));
  for (const node of [...fresh.childNodes]) {
    const known = named.get(node.id);
    const mine = known || (at && !wanted.has(at.id) ? at : null);
    if (!mine) old.insertBefore(document.importNode(node, true), at);
    else {
      if (mine === at) at = at.nextSibling;
      else old.insertBefore(mine, at);
      morph(mine, node);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// Takes over a fetched page: its live regions (all of them with `force`), title, picture, clock. Where a region with
// data-reload is gone, the page is another one by now: what taught how to begin, when something has begun.
export function apply(doc, { force = false, also = [] } = {}) {
  for (const region of [...own(), ...also.map((id) => document.getElementById(id))]) {
    const fresh = region && doc.getElementById(region.id);
    if (fresh && (force || !busy(region))) morph(region, fresh);
    else if (region && !fresh && "reload" in region.dataset) return location.reload();
  }
  document.title = doc.title;
  const icon = document.querySelector("link[rel=icon]");
  const next = doc.querySelector("link[rel=icon]")?.getAttribute("href");
  if (icon && next && icon.getAttribute("href") !== next) icon.setAttribute("href", next);
  readClock(doc);
  tick();
  document.dispatchEvent(new CustomEvent("enschedule:live"));
}

const elsewhere = ({ redirected, url }) => redirected && new URL(url).pathname !== location.pathname;

async function page(response) {
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// The seconds count down beside the words, which are read out once.
let counting;
function stale(seconds) {
  const bar = document.getElementById("stale");
  if (!bar) return;
  clearInterval(counting);
  bar.hidden = !seconds;
  const [line, count] = bar.firstElementChild.children;
  line.textContent = seconds ? "The worker does not answer; what stands here may be old. Schedules keep running without this page." : "";
  const tell = () => { count.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again."; seconds -= 1; };
  if (!seconds) return;
  tell();
  counting = setInterval(tell, 1000);
}

export async function refresh(options = {}) {
  if (asking) return;
  asking = true;
  try {
    const response = await fetch(location.href, { headers: { "X-Live": "1", Accept: "text/html" }, cache: "no-store" });
    if (elsewhere(response)) return location.reload();
    if (!response.ok) throw new Error(String(response.status));
    apply(await page(response), options);
    stale(0);
    wait = EVERY;
  } catch {
    wait = Math.min(wait * 2, SLOWEST);
    stale(wait / 1000);
  } finally {
    asking = false;
  }
}

const isStill = () => document.hidden || !own().length || "sent" in document.documentElement.dataset; // a form's answer

function plan() {
  clearTimeout(timer);
  if (isStill()) return;
  timer = setTimeout(async () => {
    await refresh();
    plan();
  }, wait);
}

// What was done is said over the page, so that the rows stay where they are; it goes after a while.
let leaves;
function float() {
  const notices = document.getElementById("notices");
  notices.classList.add("floating");
  clearTimeout(leaves);
  leaves = setTimeout(() => notices.replaceChildren(), 15000);
}

// A button with data-quiet sends its form without leaving the page, unless a question answers it.
async function quietly(event) {
  const button = event.submitter;
  if (!button || !("quiet" in button.dataset)) return;
  event.preventDefault();
  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(event.target, button));
    const response = await fetch(button.formAction, { method: "POST", body, headers: { Accept: "text/html" } });
    if (elsewhere(response)) return location.assign(response.url);
    apply(await page(response), { force: true, also: ["notices"] });
    float();
    if (!response.ok) throw new Error(String(response.status));
  } catch {
    event.target.action = button.formAction;
    event.target.submit();
  } finally {
    button.disabled = false;
  }
}

// The first visit does not know the reader's zone yet. It is kept in a cookie, and the page is exchanged once: not
// where a form was sent (that would send it again), and not where the browser keeps no cookie (that would never end).
function tellZone() {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const pair = `enschedule_tz=${here}`;
  const isKept = () => document.cookie.split("; ").includes(pair);
  if (!here || isKept()) return;
  document.cookie = `${pair}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  if (here !== zone() && isKept() && !("sent" in document.documentElement.dataset)) location.reload();
}

export function startLive() {
  tellZone();
  document.addEventListener("submit", quietly);
  document.addEventListener("visibilitychange", () => (isStill() ? plan() : refresh().then(plan)));
  addEventListener("online", plan);
  plan();
}
