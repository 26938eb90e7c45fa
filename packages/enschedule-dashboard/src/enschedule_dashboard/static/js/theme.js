// Light, dark, or as the system: kept in a cookie, so that the server draws the page in it from the start, and in
// localStorage, so that other open pages follow.
const root = document.documentElement;
const NAME = "enschedule_theme";

function show(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.querySelector("meta[name=color-scheme]")?.setAttribute("content", theme || "light dark");
  for (const button of document.querySelectorAll(".themes button")) button.setAttribute("aria-pressed", String(button.value === theme));
}

function choose(theme) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${NAME}=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax${secure}`;
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // a browser may forbid it; the cookie is enough
  }
  show(theme);
}

export function toggle() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  choose(dark ? "light" : "dark");
}

export function startTheme() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".themes")) return;
    event.preventDefault();
    choose(event.submitter?.value || "");
  });
  addEventListener("storage", (event) => {
    if (event.key === NAME) show(event.newValue || "");
  });
}
