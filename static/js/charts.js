// The curves of a run, drawn by uPlot. Points come keyed by step, so that a repeated one changes
// nothing; colours come from the theme.
const HEIGHT = 232;
const EPOCH_COLUMNS = { step: 0, epoch: 1, loss: 2, da: 3, nll: 4, baseNll: 5, rmse: 6, baseRmse: 7 };

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function format(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e5) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

const compact = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(6)));
};

// Steps and epochs are counted, so the axis has whole numbers only.
const WHOLE = [1, 2, 5].flatMap((first) => [...Array(8).keys()].map((power) => first * 10 ** power));
WHOLE.sort((a, b) => a - b);

// Without the pointer on the chart the legend shows the newest values.
function legend(plot, value, index, at, write) {
  const shown = at === null ? plot.data[index].findLast((known) => known !== null) : value;
  return shown === null || shown === undefined ? "–" : write(shown);
}

function axis(label) {
  const grid = css("--chart-grid");
  return {
    label,
    labelSize: label ? 18 : 0,
    size: label ? 32 : 58,
    font: "11px system-ui",
    labelFont: "11px system-ui",
    stroke: css("--chart-text"),
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
    values: (_, splits) => splits.map((value) => (value === null ? "" : compact(value))),
  };
}

class Chart {
  constructor(id, xLabel, series, read) {
    this.box = document.getElementById(id);
    this.xLabel = xLabel;
    this.series = series;
    this.read = read;
    this.plot = null;
  }

  draw(store) {
    const data = this.read(store);
    const filled = data[0].length > 0 && data.slice(1).some((column) => column.some((v) => v !== null));
    this.box.querySelector(".chart-empty").hidden = filled;
    if (!filled) return this.remove();
    if (this.plot) return this.plot.setData(data);
    const options = {
      width: this.box.clientWidth,
      height: HEIGHT,
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: false } },
      axes: [{ ...axis(this.xLabel), incrs: WHOLE }, axis("")],
      series: [
        { label: this.xLabel, value: (plot, value, index, at) => legend(plot, value, index, at, (x) => x.toLocaleString("en")) },
        ...this.series.map(({ label, colour, width = 2, dash, points }) => ({
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
    at.set(row[0], [known ? known[0] : null, row[EPOCH_COLUMNS.loss]]);
  }
  const x = [...at.keys()].sort((a, b) => a - b);
  return [x, x.map((step) => at.get(step)[0]), x.map((step) => at.get(step)[1])];
}

function epochColumns({ epochs }, pick) {
  const rows = [...epochs.values()].sort((a, b) => a[0] - b[0]);
  return [rows.map((row) => row[EPOCH_COLUMNS.epoch]), ...pick(rows)];
}

const column = (rows, index, scale = 1) =>
  rows.map((row) => (row[index] === null ? null : row[index] * scale));

function skillColumns(store) {
  return epochColumns(store, (rows) => {
    const nll = rows.some((row) => row[EPOCH_COLUMNS.nll] !== null);
    return nll
      ? [column(rows, EPOCH_COLUMNS.nll), column(rows, EPOCH_COLUMNS.baseNll)]
      : [column(rows, EPOCH_COLUMNS.rmse), column(rows, EPOCH_COLUMNS.baseRmse)];
  });
}

export function startCharts(points, attempt) {
  const store = { steps: new Map(), epochs: new Map(), attempt };
  const charts = [
    new Chart("chart-loss", "step", [
      { label: "train", colour: "--chart-train", width: 1.25 },
      { label: "val", colour: "--chart-val", points: true },
    ], lossColumns),
    new Chart("chart-da", "epoch", [
      { label: "DA %", colour: "--chart-val", points: true },
      { label: "coin", colour: "--chart-base", width: 1, dash: [6, 4] },
    ], (held) => epochColumns(held, (rows) => [column(rows, EPOCH_COLUMNS.da, 100), rows.map(() => 50)])),
    new Chart("chart-skill", "epoch", [
      { label: "model", colour: "--chart-val", points: true },
      { label: "baseline", colour: "--chart-base", width: 1.5, dash: [6, 4] },
    ], skillColumns),
  ];
  let waiting = false;

  const draw = () => {
    waiting = false;
    for (const chart of charts) chart.draw(store);
  };
  const add = (more) => {
    for (const point of more.steps) store.steps.set(point[0], point);
    for (const point of more.epochs) store.epochs.set(point[0], point);
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
    if (batch.attempt !== store.attempt) {
      store.attempt = batch.attempt;
      store.steps.clear();
      store.epochs.clear();
    }
    if (batch.points) add(batch.points);
    if (waiting) return;
    waiting = true; // one drawing per frame, however many batches arrive
    requestAnimationFrame(draw);
  };
}
