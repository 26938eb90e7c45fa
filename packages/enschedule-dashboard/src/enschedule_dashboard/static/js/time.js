// The clock in the bar is the server's. This counts on from it, and keeps "in 3 min" true.
const root = document.documentElement;
const DAY = 86400;
let offset = 0; // milliseconds the server is ahead of this browser
let format;

export const zone = () => root.dataset.zone || "UTC";
export const serverNow = () => Date.now() + offset;

export function readClock(doc) {
  const shown = doc.querySelector("[data-clock]");
  if (shown) offset = Date.parse(shown.dataset.clock) - Date.now();
}

// The same words as present.relative on the server.
export function relative(at, now) {
  const seconds = (at - now) / 1000;
  const size = Math.abs(seconds);
  if (size >= DAY) return null;
  if (size < 0.5) return "now";
  const words = size < 59.5 ? `${Math.round(size)} s` : size < 3570 ? `${Math.round(size / 60)} min` : `${Math.round(size / 3600)} h`;
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}

export function tick() {
  const now = serverNow();
  const shown = document.querySelector("[data-clock] b");
  if (shown) shown.textContent = format.format(now);
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const words = relative(Date.parse(time.dateTime), now);
    if (words && words !== time.textContent) time.textContent = words;
  }
}

function sayDifference() {
  const seconds = Math.round(Math.abs(offset) / 1000);
  const line = document.querySelector(".clock small");
  if (!line || seconds <= 5) return;
  const size = relative(seconds * 1000, 0)?.slice(3) ?? `${Math.round(seconds / DAY)} d`;
  line.textContent = `your clock is ${size} ${offset > 0 ? "slow" : "fast"}`;
  line.className = "t-warn";
}

export function startClock() {
  format = new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  readClock(document);
  sayDifference();
  const beat = () => {
    tick();
    setTimeout(beat, 1000 - (serverNow() % 1000) + 5);
  };
  beat();
}
