// "Try again in 4 s" counts down. A page that was only asked for is asked for again then, and opened once it is there;
// what was sent is not sent again by itself.
const words = (seconds) => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`);

async function isBack() {
  try {
    return (await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" })).ok;
  } catch {
    return false; // not even the dashboard answers: the next try tells
  }
}

export function startRetry() {
  const place = document.querySelector("[data-retry]");
  if (!place) return;
  const shown = place.querySelector("[data-retry-left]");
  const opens = "retryOpens" in place.dataset;
  let left = Number(place.dataset.retry);
  if (left >= 3600) return; // the words of the server say it well enough
  const timer = setInterval(async () => {
    left -= 1;
    if (left > 0) shown.textContent = words(left);
    else if (opens) {
      left = Number(place.dataset.retry);
      shown.textContent = words(left);
      if (await isBack()) location.reload();
    } else {
      clearInterval(timer);
      place.textContent = "It can be tried again now.";
    }
  }, 1000);
}
