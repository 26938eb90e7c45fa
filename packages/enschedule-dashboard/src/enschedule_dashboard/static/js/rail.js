// What each place of a rail was, under the pointer: "14:15 · failed after 4.1 s · ConnectError".
const PLACES = 30;
const PITCH = 7;
const WIDTH = 242;
const known = new Map();
let tip;

async function words(url) {
  const kept = known.get(url);
  if (kept && Date.now() - kept.at < 15000) return kept.places;
  const places = fetch(url, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : { places: [] })).then((body) => body.places).catch(() => []);
  known.set(url, { at: Date.now(), places });
  return places;
}

function hide() {
  if (tip) tip.hidden = true;
}

async function show(event) {
  const link = event.target.closest?.("[data-rail]");
  if (!link || event.pointerType === "touch") return hide();
  const { x, y } = { x: event.clientX, y: event.clientY };
  const box = link.querySelector("svg").getBoundingClientRect();
  const place = Math.floor((((x - box.left) / box.width) * WIDTH) / PITCH);
  const places = await words(link.dataset.rail);
  const text = places[place - (PLACES - places.length)];
  if (place >= PLACES || !text || !link.matches(":hover")) return hide();
  tip ??= document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip" }));
  tip.hidden = false;
  if (tip.textContent !== text) tip.textContent = text;
  tip.style.left = `${Math.max(8, Math.min(x - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${box.top - 28 > 56 ? box.top - 26 : y + 20}px`;
}

export function startTips() {
  document.addEventListener("pointermove", show, { passive: true });
  document.addEventListener("scroll", hide, { passive: true });
}
