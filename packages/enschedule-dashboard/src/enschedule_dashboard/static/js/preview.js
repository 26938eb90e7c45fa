// What will happen, 300 ms after the last key. What is known stays, dimmed, until the new answer is there.

const form = document.querySelector("[data-preview]");
const PAUSE = 300;
let timer, running;

const isWhen = (name) => /^when_/.test(name ?? "");

async function ask() {
  running?.abort();
  const mine = running = new AbortController();
  const outlook = document.getElementById("outlook");
  try {
    const parts = [...new FormData(form)].filter(([name]) => isWhen(name) || name === "own_id" || name === "csrf_token");
    const body = new URLSearchParams(parts);
    const answer = await fetch(form.dataset.preview, { method: "POST", body, signal: mine.signal, headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine.signal.aborted) return;
    const said = fresh.getElementById("when-said"), next = fresh.getElementById("outlook");
    if (!said || !next) return;
    const isWrong = said.querySelector(".field-error") !== null;
    document.getElementById("when-said").replaceWith(document.adoptNode(said));
    for (const mark of [...fresh.querySelectorAll("[id^=mark-]")]) {
      document.getElementById(mark.id)?.replaceWith(document.adoptNode(mark));
    }
    for (const control of form.querySelectorAll("#step-when .large")) {
      if (isWrong && control.checkVisibility()) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    if (next.dataset.state === "wrong" && outlook.dataset.state === "known") return; // still dimmed: it is being corrected
    const now = document.getElementById("outlook");
    if (now.textContent.replace(/\s+/g, " ") !== next.textContent.replace(/\s+/g, " ")) now.replaceWith(document.adoptNode(next));
    else now.classList.remove("is-waiting");
  } catch (error) {
    if (error.name !== "AbortError") outlook?.classList.remove("is-waiting");
  }
}

function soon(event) {
  if (!isWhen(event.target.name)) return;
  if (event.target.id.startsWith("when-")) document.getElementById(event.target.id.replace("when", "mark"))?.replaceChildren(); // it is no longer there
  if (event.target.id === "when-timezone") document.getElementById("zone-name").textContent = event.target.value;
  document.getElementById("outlook")?.classList.add("is-waiting");
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

if (form) {
  form.addEventListener("input", soon);
  // Another way to say it is exchanged by form.js; what will happen comes with it.
  form.addEventListener("swapped", () => { clearTimeout(timer); running?.abort(); });
}
