// The curves of a run, drawn by uPlot. Points come keyed by step, so that a repeated one changes
// nothing; colours come from the theme.
import { DASHES, axis, colourOf, css, format, legend } from "./plot_style.js";

const HEIGHT = 232;
// A row of epochs: step, epoch, then the scores in the order of series.EPOCH_KEYS.
const EPOCH = 1;
const SCORES = { val_loss: 2, val_da: 3, val_nll: 4, val_crps: 5, val_pinball: 6, val_rmse: 7 };

// Steps and epochs are counted, so the axis has whole numbers only.
const WHOLE = [1, 2, 5].flatMap((first) => [...Array(8).keys()].map((power) => first * 10 ** power));
WHOLE.sort((a, b) => a - b);

class Chart {
  constructor(id, xLabel, series, read) {
    this.box = document.getElementById(id);
    this.xLabel = xLabel;
    this.series = typeof series === "function" ? series : () => series;
    this.drawn = "";
    this.read = read;
    this.plot = null;
  }

  draw(store) {
    const data = this.read(store);
    const filled = data[0].length > 0 && data.slice(1).some((column) => column.some((v) => v !== null));
    this.box.querySelector(".chart-empty").hidden = filled;
    if (!filled) return this.remove();
    const series = this.series(store);
    const labels = series.map(({ label }) => label).join();
    if (this.plot && labels === this.drawn) return this.plot.setData(data);
    this.remove(); // a baseline came: uPlot's series are fixed once it is drawn
    this.drawn = labels;
    const options = {
      width: this.box.clientWidth,
      height: HEIGHT,
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: false } },
      axes: [{ ...axis(this.xLabel), incrs: WHOLE }, axis("")],
      series: [
        { label: this.xLabel, value: (plot, value, index, at) => legend(plot, value, index, at, (x) => x.toLocaleString("en")) },
        ...series.map(({ label, colour, width = 2, dash, points }) => ({
          label,
          stroke: css(colour),
          width,
          dash,
          spanGaps: true,
          points: { show: points ?? false, size: 6, fill: css(colour) },
          value: (plot, value, index, at) => legend(plot, value, index, at, format),
        })),
      ],
    };
    this.plot = new uPlot(options, data, this.box);
  }

  remove() {
    this.plot?.destroy();
    this.plot = null;
  }

  resize() {
    this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT });
  }
}

function lossColumns({ steps, epochs }) {
  const at = new Map();
  for (const [step, loss] of steps.values()) at.set(step, [loss, null]);
  for (const row of epochs.values()) {
    const known = at.get(row[0]);
    at.set(row[0], [known ? known[0] : null, row[SCORES.val_loss]]);
  }
  const x = [...at.keys()].sort((a, b) => a - b);
  return [x, x.map((step) => at.get(step)[0]), x.map((step) => at.get(step)[1])];
}

function epochColumns({ epochs }, pick) {
  const rows = [...epochs.values()].sort((a, b) => a[0] - b[0]);
  return [rows.map((row) => row[EPOCH]), ...pick(rows)];
}

const column = (rows, index, scale = 1) =>
  rows.map((row) => (row[index] === null ? null : row[index] * scale));

const baselinesWith = ({ baselines }, { score, baselines: wanted }) =>
  wanted.split(" ").filter((name) => typeof baselines[name]?.[score] === "number");

// The model's score by epoch; each baseline is a line from before the first epoch to the newest.
function scoreChart(box, names) {
  const key = box.dataset.score;
  const factor = Number(box.dataset.factor);
  const series = (store) => [
    { label: "model", colour: "--chart-val", points: true },
    ...baselinesWith(store, box.dataset).map((name) => ({
      label: names[name], colour: colourOf(name), width: 1.5, dash: DASHES[name],
    })),
  ];
  const read = (store) => {
    const [x, model] = epochColumns(store, (rows) => [column(rows, SCORES[key], factor)]);
    const lines = baselinesWith(store, box.dataset);
    if (!lines.length) return [x, model];
    const wide = [0, ...x, ...(x.length ? [] : [1])];
    return [
      wide,
      wide.map((_, at) => model[at - 1] ?? null),
      ...lines.map((name) => wide.map(() => store.baselines[name][key] * factor)),
    ];
  };
  return new Chart(box.id, "epoch", series, read);
}

export function startCharts(points, names) {
  const store = { steps: new Map(), epochs: new Map(), baselines: {} };
  const charts = [
    new Chart("chart-loss", "step", [
      { label: "train", colour: "--chart-train", width: 1.25 },
      { label: "val", colour: "--chart-val", points: true },
    ], lossColumns),
    new Chart("chart-da", "epoch", [
      { label: "DA %", colour: "--chart-val", points: true },
      { label: "coin", colour: "--chart-base", width: 1, dash: [6, 4] },
    ], (held) => epochColumns(held, (rows) => [column(rows, SCORES.val_da, 100), rows.map(() => 50)])),
    ...[...document.querySelectorAll("[data-score]")].map((box) => scoreChart(box, names)),
  ];
  let waiting = false;

  const draw = () => {
    waiting = false;
    for (const chart of charts) chart.draw(store);
  };
  const forget = (curve, after) => {
    for (const step of curve.keys()) if (step > after) curve.delete(step);
  };
  const add = (more) => {
    if (more.back_to_step !== null) { // the fit went back: what came after it is done again
      forget(store.steps, more.back_to_step);
      forget(store.epochs, more.back_to_step);
    }
    for (const point of more.steps) store.steps.set(point[0], point);
    for (const point of more.epochs) store.epochs.set(point[0], point);
    Object.assign(store.baselines, more.baselines);
  };
  add(points);
  draw();

  const resizer = new ResizeObserver(() => charts.forEach((chart) => chart.resize()));
  for (const chart of charts) resizer.observe(chart.box);
  document.addEventListener("theme:changed", () => {
    for (const chart of charts) chart.remove();
    draw();
  });

  return (batch) => {
    if (batch.points) add(batch.points);
    if (waiting) return;
    waiting = true; // one drawing per frame, however many batches arrive
    requestAnimationFrame(draw);
  };
}
