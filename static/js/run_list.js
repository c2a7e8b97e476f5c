// The table of runs that somebody came from: its address and its runs, for the way back and for the
// steps to the next one. It lives as long as the tab.
import { onKeys } from "./keys.js";

const KEY = "run-list";

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export function rememberList(runs) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ search: location.search, runs }));
  } catch {
    // Pages of runs then step to the next older and newer one.
  }
}

function back() {
  const search = read()?.search;
  return typeof search === "string" ? `/runs${search}` : "";
}

// The link is drawn again while a run trains, so that it is set right when it is used.
function lead(event) {
  const link = event.target.closest?.("a[data-run-list]");
  if (link && back()) link.href = back();
}
for (const name of ["pointerdown", "focusin", "click"]) document.addEventListener(name, lead);

function point(link, run, words) {
  link.hidden = !run;
  if (!run) return;
  link.href = `/runs/${encodeURIComponent(run.uid)}`;
  link.title = `${words}: ${run.name}`;
  link.querySelector("[data-words]").textContent = link.title;
}

// The server's links lead to the newer and the older run; those of the table stand in their place.
export function stepThroughList() {
  const steps = document.querySelector("[data-run-steps]");
  if (!steps) return;
  const [previous, next] = steps.querySelectorAll("a");
  const runs = read()?.runs ?? [];
  const at = runs.findIndex(({ uid }) => uid === steps.dataset.runSteps);
  if (at >= 0) {
    point(previous, runs[at - 1], "Previous run of the table");
    point(next, runs[at + 1], "Next run of the table");
  }
  const follow = (link) => (link.hidden ? false : location.assign(link.href));
  onKeys({
    j: () => follow(next),
    k: () => follow(previous),
    u: () => location.assign(back() || "/runs"),
  });
}
