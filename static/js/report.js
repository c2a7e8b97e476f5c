// Draws the plots of a report from the numbers in the page, and hands them out as PNG.
import { breakdown, coverage, equity, fan, pit, reliability } from "./report_plots.js";
import { LEGEND } from "./plot_style.js";
import { savePng } from "./save_plot.js";

const HEIGHT = { fan: 380 };
const TWICE_MS = 350; // the second click of a double-click comes within
const PLOTS = {
  fan,
  pit,
  coverage,
  "reliability-short": reliability("short"),
  "reliability-long": reliability("long"),
  hour: breakdown("hour"),
  volatility: breakdown("volatility"),
  equity,
};

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const report = read("report-data");
const names = read("forecaster-names");
const { file: run, decisions } = document.getElementById("report").dataset;
const drawn = new Map();

function draw(card) {
  const name = card.dataset.plot;
  const box = card.querySelector(".chart");
  const made = PLOTS[name](report, names);
  drawn.get(card)?.plot.destroy();
  const size = { width: box.clientWidth, height: HEIGHT[name] ?? 260 };
  const plot = new uPlot({ ...size, legend: LEGEND, cursor: { drag: { x: true, y: false } }, ...made.options }, made.data, box);
  if (made.first) plot.setScale("x", { min: made.first[0], max: made.first[1] });
  drawn.set(card, { plot, made, height: size.height });
  if (decisions && made.decisions) follow(plot, made.decisions);
}

// A click on a forecast leads to its decision; two clicks show all. Of a drag uPlot lets no click through.
function follow(plot, times) {
  let waiting = 0;
  plot.over.classList.add("leads-on");
  plot.over.addEventListener("click", (event) => {
    clearTimeout(waiting);
    if (event.detail > 1) return;
    const time = times[plot.posToIdx(event.offsetX)];
    if (time === null || time === undefined) return;
    const at = new Date(time).toISOString();
    waiting = setTimeout(() => location.assign(`${decisions}?at=${encodeURIComponent(at)}`), TWICE_MS);
  });
}

const cards = [...document.querySelectorAll("[data-plot]")];
cards.forEach(draw);

const resizer = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { plot, height } = drawn.get(target.closest("[data-plot]"));
    if (plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height });
  }
});
for (const card of cards) resizer.observe(card.querySelector(".chart"));
document.addEventListener("theme:changed", () => cards.forEach(draw));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-save]");
  if (!button) return;
  const card = button.closest("[data-plot]");
  const { plot, made } = drawn.get(card);
  savePng(`${run}-${card.dataset.plot}`, card.querySelector(".card-title").textContent, plot, made);
});
