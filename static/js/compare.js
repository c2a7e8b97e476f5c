// Wires the page of a comparison: its address says what is chosen, each run's curves come by
// themselves, and every plot, list and table shows the same run in the same colour.
import { CompareChart } from "./compare_chart.js";
import { Parallel, usualScore } from "./compare_parallel.js";
import { Readout } from "./compare_readout.js";
import { drawScatter, titled, usualAxes } from "./compare_scatter.js";
import { read, startLinks, write } from "./compare_state.js";
import { startCopying } from "./copy_table.js";

const AT_ONCE = 2; // requests for curves under way
const DRAWN_EVERY = 300; // ms while curves arrive: all charts are drawn anew, which takes longer than an answer
const LIVE_EVERY = 15_000;

const data = JSON.parse(document.getElementById("comparison-data").textContent);
const { runs, axes } = data;
const held = new Map(); // curves by run
const failed = new Set();
let waiting = runs.length;

const find = (selector) => document.querySelector(selector);
const usual = { ...usualAxes(axes), score: usualScore(axes) };
const state = () => {
  const chosen = read();
  for (const [name, key] of Object.entries(usual)) if (!axes.some((axis) => axis.key === chosen[name])) chosen[name] = key;
  return chosen;
};

const readout = new Readout(runs, (uid) => charts.forEach((chart) => chart.light(uid)));
const charts = [...document.querySelectorAll(".compare-chart")].map((figure) => new CompareChart(figure, {
  runs, baselines: data.baselines, names: data.baseline_names, onPoint: (point) => readout.show(point, state().x),
}));
const parallel = new Parallel(find("#parallel"), find("#parallel-note"), find("[data-clear-brush]"), data, (brushes) => {
  write({ brush: [...brushes].map(([key, [low, high]]) => `${key}:${low}:${high}`) });
  parallel.draw(state());
});

function drawCurves() {
  const chosen = state();
  for (const chart of charts) chart.draw(held, chosen, waiting > 0);
  const notes = [];
  if (failed.size) notes.push(`The curves of ${runs.filter(({ uid }) => failed.has(uid)).map(({ name }) => name).join(", ")} could not be read; reload the page.`);
  if (data.why_no_baselines) notes.push(data.why_no_baselines);
  if (charts.some((chart) => chart.plot)) notes.push("Drag across a chart to look closer, double-click to see all.");
  find("#curves-note").replaceChildren(...baselineKeys(), notes.join(" "));
}

function baselineKeys() {
  if (!charts.some((chart) => chart.plot && chart.lines.length)) return [];
  return Object.keys(data.baselines).map((name) => {
    const words = document.createElement("span");
    const line = document.createElement("span");
    words.className = "baseline-key";
    line.className = "line-key";
    line.dataset.baseline = name;
    words.append(line, data.baseline_names[name]);
    return words;
  });
}

function drawPlots() {
  const chosen = state();
  drawScatter(find("#scatter"), find("#scatter-note"), data, chosen);
  parallel.draw(chosen);
}

function drawAll() {
  drawCurves();
  drawPlots();
}

// One drawing per frame, however many runs arrive.
let asked = false;
function soon() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawCurves();
  });
}

function markHidden() {
  const { hide } = state();
  for (const element of document.querySelectorAll("[data-run]")) element.toggleAttribute("data-hidden", hide.has(element.dataset.run));
  for (const box of document.querySelectorAll("[data-show]")) box.checked = !hide.has(box.dataset.show);
}

async function load(run) {
  try {
    const answer = await fetch(`/runs/${run.uid}/curves?points=${data.points}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const curves = await answer.json();
    held.set(run.uid, curves);
    failed.delete(run.uid);
    if (run.live && ["completed", "failed", "cancelled"].includes(curves.status)) sayEnded(run);
  } catch {
    failed.add(run.uid);
  }
}

function sayEnded(run) {
  run.live = false;
  const note = find("#ended-note");
  note.hidden = false;
  note.textContent = `${[note.dataset.names, run.name].filter(Boolean).join(", ")} ended meanwhile. Reload the page for the scores.`;
  note.dataset.names = [note.dataset.names, run.name].filter(Boolean).join(", ");
}

async function loadAll() {
  const left = [...runs];
  let drawn = -Infinity;
  await Promise.all([...Array(AT_ONCE)].map(async () => {
    for (let run = left.shift(); run; run = left.shift()) {
      await load(run);
      waiting -= 1;
      if (waiting && performance.now() - drawn < DRAWN_EVERY) continue;
      drawn = performance.now();
      soon();
    }
  }));
}

async function follow() {
  const live = runs.filter((run) => run.live);
  if (live.length && !document.hidden) {
    for (const run of live) await load(run);
    soon();
  }
  if (live.length) setTimeout(follow, LIVE_EVERY);
}

const smoothText = ({ smooth }) => (smooth ? smooth.toFixed(2) : "off");

function startTools() {
  const chosen = state();
  for (const input of document.querySelectorAll("[data-state]")) {
    const name = input.dataset.state;
    if (input.type === "checkbox") input.checked = Boolean(chosen[name]);
    if (input.type === "radio") input.checked = chosen[name] === input.value;
    if (input.type === "range") input.value = chosen.smooth;
    input.addEventListener("input", () => {
      const value = input.type === "checkbox" ? (input.checked ? "1" : "") : input.value === "0" ? "" : input.value;
      write({ [name]: value });
      find("#smooth-value").textContent = smoothText(state());
      soon();
    });
  }
  find("#smooth-value").textContent = smoothText(chosen);
  for (const box of document.querySelectorAll("[data-show]")) {
    box.addEventListener("change", () => {
      const hide = state().hide;
      if (box.checked) hide.delete(box.dataset.show);
      else hide.add(box.dataset.show);
      write({ hide: [...hide].join(",") });
      markHidden();
      drawAll();
    });
  }
}

function startAxes() {
  const chosen = state();
  for (const select of document.querySelectorAll("[data-axis]")) {
    const name = select.dataset.axis;
    const offered = axes.filter((axis) => axis.kind === "number" && (name !== "score" || axis.score));
    select.replaceChildren(...offered.map((axis) => new Option(titled(axis), axis.key, false, axis.key === chosen[name])));
    select.disabled = !offered.length;
    select.addEventListener("change", () => {
      write({ [name]: select.value });
      drawPlots();
    });
  }
  for (const box of document.querySelectorAll("[data-axis-log]")) {
    box.checked = Boolean(chosen[box.dataset.axisLog]);
    box.addEventListener("change", () => {
      write({ [box.dataset.axisLog]: box.checked ? "1" : "" });
      drawPlots();
    });
  }
}

for (const plot of [find("#scatter"), find("#parallel")]) {
  for (const type of ["mouseover", "focusin"]) plot.addEventListener(type, (event) => readout.light(event.target.closest("[data-run]")?.dataset.run ?? null));
  for (const type of ["mouseleave", "focusout"]) plot.addEventListener(type, () => readout.light(null));
}
startTools();
startAxes();
startLinks(markHidden);
startCopying("The link of this comparison:");
markHidden();
drawPlots();
document.addEventListener("theme:changed", drawAll);
let width = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (Math.round(contentRect.width) === width) return;
  width = Math.round(contentRect.width);
  charts.forEach((chart) => chart.resize());
  drawPlots();
}).observe(find(".compare-charts"));
await loadAll();
setTimeout(follow, LIVE_EVERY);
