// Runs before the first paint, so that a stored dark choice never flashes white.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be switched off; the system's choice then holds
    }
  };
  const apply = () => {
    // The admin keeps its own choice there too, and has a third word, auto.
    const theme = ["light", "dark"].includes(stored()) ? stored() : system.matches ? "dark" : "light";
    if (root.dataset.bsTheme !== theme) {
      root.dataset.bsTheme = theme;
      document.dispatchEvent(new CustomEvent("theme:changed"));
    }
  };
  apply();
  root.dataset.script = "on";
  system.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-toggle-theme]")) return;
    try {
      localStorage.setItem("theme", root.dataset.bsTheme === "dark" ? "light" : "dark");
    } catch {
      return;
    }
    apply();
  });
})();
