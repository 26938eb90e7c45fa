// On the page of a worker that does not answer: asks again, and opens the page when it is back.
export function startRetry() {
  const page = document.querySelector("[data-retry]");
  const words = document.querySelector("[data-retry-words]");
  if (!page) return;
  const every = Number(page.dataset.retry);
  let left = every;
  setInterval(async () => {
    left -= 1;
    if (left > 0) {
      words.textContent = `Trying again in ${left} s.`;
      return;
    }
    words.textContent = "Trying again.";
    left = every;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok) location.reload();
    } catch {
      // not even the dashboard answers: the next try tells
    }
  }, 1000);
}
