// What is chosen on the page of a comparison, kept in its address alone: whoever opens the link sees
// the same. Words that stand for their default are left out.
const PLAIN = { x: "step", log: "", smooth: "", sx: "", sy: "", sxlog: "", sylog: "", score: "" };

export function read() {
  const params = new URLSearchParams(location.search);
  const state = { hide: new Set((params.get("hide") ?? "").split(",").filter(Boolean)), brushes: brushesOf(params) };
  for (const [name, usual] of Object.entries(PLAIN)) state[name] = params.get(name) ?? usual;
  const smooth = Number(state.smooth);
  state.smooth = smooth > 0 && smooth < 1 ? smooth : 0;
  if (!["step", "epoch", "time"].includes(state.x)) state.x = "step";
  return state;
}

// A brush is "axis:low:high" in the units of the axis; the key of an axis holds no colon.
function brushesOf(params) {
  const brushes = new Map();
  for (const text of params.getAll("brush")) {
    const [key, low, high] = text.split(":");
    if (key && Number.isFinite(Number(low)) && Number.isFinite(Number(high))) brushes.set(key, [Number(low), Number(high)]);
  }
  return brushes;
}

function changed(changes) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== PLAIN[name]) params.append(name, one);
  }
  return `${location.pathname}?${params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}

const changeOf = (link) => {
  const [name, value] = link.dataset.change.split("=");
  return changed({ [name]: value });
};

export function write(changes) {
  history.replaceState(null, "", changed(changes));
  refreshLinks();
}

// Links were written by the server before anything was chosen here.
function refreshLinks() {
  for (const link of document.querySelectorAll("[data-change]")) link.setAttribute("href", changeOf(link));
}

// Links that change the table of settings replace that table alone.
export function startLinks(afterSwap) {
  refreshLinks();
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-settings]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const address = changeOf(link);
    const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return location.assign(address); // the browser says what is wrong
    history.replaceState(null, "", address);
    const table = document.getElementById("compare-settings");
    const place = [...table.querySelectorAll("[data-settings]")].indexOf(link);
    const scrolled = table.querySelector(".table-responsive")?.scrollLeft ?? 0;
    table.outerHTML = await answer.text();
    const fresh = document.getElementById("compare-settings");
    const links = fresh.querySelectorAll("[data-settings]");
    const same = [...links].find((one) => one.textContent.trim() === link.textContent.trim());
    (same ?? links[Math.min(Math.max(place, 0), links.length - 1)])?.focus({ preventScroll: true });
    if (fresh.querySelector(".table-responsive")) fresh.querySelector(".table-responsive").scrollLeft = scrolled;
    refreshLinks();
    afterSwap();
  });
}
