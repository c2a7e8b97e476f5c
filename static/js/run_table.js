// The run table: live rows, ticked rows, keys. Without script it is a table with links and forms.
import { rememberColumns } from "./columns.js";
import { isBusy, onKeys } from "./keys.js";
import { rememberList } from "./run_list.js";

const EVERY_MS = 4000;
const MOST_COMPARED = 20;

const table = () => document.getElementById("run-table");
const rows = () => [...document.querySelectorAll(".runs-table tbody tr")];
const boxes = () => [...document.querySelectorAll('input[name="ids"][form="picks"]')];

// --- live rows: one small question, answered by 304 where nothing changed

let etag = "";
let asked = "";

function question() {
  const params = new URLSearchParams({ newest: table().dataset.newest });
  const live = rows().filter((row) => row.hasAttribute("data-live"));
  if (live.length) params.set("ids", live.map((row) => row.id.slice(4)).join(","));
  const columns = new URLSearchParams(location.search).getAll("cols").join(",");
  if (columns) params.set("cols", columns);
  return `${table().dataset.rows}?${params}`;
}

// Only cells that differ are replaced, and never the one with the box, so that nothing moves and
// what is ticked stays ticked.
function put(fresh) {
  const row = document.getElementById(fresh.id);
  if (!row || row.contains(document.activeElement) && row.matches(":has(button:focus)")) return;
  row.toggleAttribute("data-live", fresh.hasAttribute("data-live"));
  [...fresh.cells].forEach((cell, place) => {
    const old = row.cells[place];
    if (place && old && old.innerHTML !== cell.innerHTML) {
      const focused = old.contains(document.activeElement);
      old.innerHTML = cell.innerHTML;
      if (focused) old.querySelector("a, button")?.focus();
    }
  });
}

function tellNewer(count) {
  const place = document.getElementById("newer-runs");
  const text = count > 100 ? "More than 100 newer runs" : `${count} newer run${count === 1 ? "" : "s"}`;
  if (!place || place.dataset.told === text) return;
  place.dataset.told = text;
  place.textContent = "";
  if (!count) return;
  const link = Object.assign(document.createElement("a"), { href: location.href, textContent: `${text}. Show` });
  place.append(link);
}

async function look() {
  if (document.hidden || !table()) return;
  const address = question();
  const headers = { Accept: "text/html" };
  if (address === asked && etag) headers["If-None-Match"] = etag;
  const answer = await fetch(address, { headers, cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return;
  asked = address;
  etag = answer.headers.get("ETag") ?? "";
  tellNewer(Number(answer.headers.get("X-Newer-Runs") ?? 0));
  const holder = document.createElement("template");
  holder.innerHTML = `<table><tbody>${await answer.text()}</tbody></table>`;
  for (const fresh of holder.content.querySelectorAll("tr")) put(fresh);
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, EVERY_MS);
}

// --- ticked rows

// All that the filter finds stands for whatever is ticked on this page.
function found() {
  const box = document.getElementById("pick-found");
  if (!box?.checked) return 0;
  const { allFound, most } = box.closest("[data-all-found]").dataset;
  return Math.min(Number(allFound), Number(most));
}

function count() {
  const all = found();
  for (const box of boxes()) {
    if (all || box.disabled) box.checked = all > 0;
    box.disabled = all > 0;
  }
  const ticked = all || boxes().filter((box) => box.checked).length;
  const said = document.querySelector("[data-picked-count]");
  if (said) said.textContent = ticked ? `${ticked.toLocaleString("en")} ${all ? "chosen" : "ticked"}` : "Tick runs to act on several";
  for (const button of document.querySelectorAll('button[form="picks"]')) {
    const least = Number(button.dataset.least);
    button.disabled = ticked < least || (least === 2 && (all > 0 || ticked > MOST_COMPARED));
  }
  const page = document.getElementById("pick-all");
  if (!page) return;
  page.disabled = all > 0;
  page.checked = all > 0 || (ticked > 0 && ticked === boxes().length);
  page.indeterminate = ticked > 0 && !page.checked;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "pick-all") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches('input[type="checkbox"][form="picks"], #pick-all, #pick-found')) count();
});

// --- keys

const current = () => document.activeElement?.closest?.(".runs-table tbody tr");

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next].querySelector("a.run-name").focus();
  all[next].scrollIntoView({ block: "nearest" });
}

onKeys({
  j: () => step(1),
  k: () => step(-1),
  x: () => current()?.querySelector('input[name="ids"]')?.click(),
});

document.addEventListener("keydown", (event) => {
  if (isBusy(event) || !["ArrowDown", "ArrowUp"].includes(event.key) || !current()) return;
  event.preventDefault();
  step(event.key === "ArrowDown" ? 1 : -1);
});

document.addEventListener("visibilitychange", () => void look());
addEventListener("pageshow", count);
count();
rememberColumns();
const remember = () => rememberList(rows().map((row) => ({ uid: row.id.slice(4), name: row.querySelector("a.run-name").textContent.trim() })));
remember();
document.addEventListener("htmx:after:swap", remember); // a filter has drawn the table anew
setTimeout(keepLooking, EVERY_MS);
