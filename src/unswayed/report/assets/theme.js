"use strict";
// On every page: the theme, script errors made visible to tests, and printing.
(() => {
  const root = document.documentElement;
  addEventListener("error", (event) => { root.dataset.error = String(event.message); });

  // Theme: auto, light, dark. A stored choice is a convenience; without storage it lasts for the visit.
  const THEMES = ["auto", "light", "dark"];
  const theme = document.getElementById("theme");
  const show = (name) => {
    if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
    theme.textContent = `Theme: ${name}`;
  };
  let now = "auto";
  try { now = localStorage.getItem("unswayed-theme") || "auto"; } catch { /* no storage */ }
  if (!THEMES.includes(now)) now = "auto";
  show(now);
  theme.hidden = false;
  theme.addEventListener("click", () => {
    now = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    show(now);
    try { localStorage.setItem("unswayed-theme", now); } catch { /* no storage */ }
  });

  // Open folded parts for printing.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details")) d.open = true;
  });
})();
