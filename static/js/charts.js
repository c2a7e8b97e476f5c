// The curves of a run, drawn by uPlot; colours come from the theme.
import { addPoints, epochCurves, lossCurves, newStore } from "./curves.js";
import { DASHES, axis, colourOf, css, format, legend } from "./plot_style.js";

const HEIGHT = 232;
const MARK_PX = 4;

// Steps and epochs are counted, so the axis has whole numbers only.
const WHOLE = [1, 2, 5].flatMap((first) => [...Array(8).keys()].map((power) => first * 10 ** power));
WHOLE.sort((a, b) => a - b);

// A cross at the foot of the chart where a value was not finite, since there is no place for it.
function drawMarks(plot, words) {
  const { ctx, bbox } = plot;
  const size = MARK_PX * devicePixelRatio;
  const y = bbox.top + bbox.height - 2 * size;
  ctx.save();
  ctx.strokeStyle = css("--chart-mark");
  ctx.lineWidth = 2 * devicePixelRatio;
  for (const step of words.keys()) {
    const x = plot.valToPos(step, "x", true);
    ctx.beginPath();
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x - size, y + size);
    ctx.lineTo(x + size, y - size);
    ctx.stroke();
  }
  ctx.restore();
}

class Chart {
  constructor(id, xLabel, read) {
    this.box = document.getElementById(id);
    this.xLabel = xLabel;
    this.drawn = "";
    this.read = read;
    this.plot = null;
    this.words = new Map();
  }

  draw(store) {
    const { series, data, words } = this.read(store);
    const filled = data[0].length > 0;
    this.box.querySelector(".chart-empty").hidden = filled;
    this.words = words;
    this.box.dataset.marks = [...words].map(([x, word]) => `${word} at ${this.xLabel} ${x}`).join("; ");
    if (!filled) return this.remove();
    const labels = series.map(({ label }) => label).join();
    if (this.plot && labels === this.drawn) return this.plot.setData(data);
    this.remove(); // a baseline or an abandoned piece came: uPlot's series are fixed once it is drawn
    this.drawn = labels;
    const options = {
      width: this.box.clientWidth,
      height: HEIGHT,
      cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: false } },
      axes: [{ ...axis(this.xLabel), incrs: WHOLE }, axis("")],
      hooks: { draw: [(plot) => drawMarks(plot, this.words)] },
      series: [
        { label: this.xLabel, value: (plot, value, index, at) => legend(plot, value, index, at, (x) => x.toLocaleString("en")) },
        ...series.map((one) => this.shape(one)),
      ],
    };
    this.plot = new uPlot(options, data, this.box);
  }

  shape({ label, colour, width = 2, dash, points, faint }) {
    const stroke = css(colour) + (faint ? "80" : "");
    return {
      label,
      stroke,
      width,
      dash,
      points: { show: points ?? false, size: faint ? 4 : 6, stroke, fill: stroke },
      value: (plot, value, index, at) =>
        at !== null && value === null
          ? (this.words.get(plot.data[0][at]) ?? "–")
          : legend(plot, value, index, at, format),
    };
  }

  remove() {
    this.plot?.destroy();
    this.plot = null;
  }

  resize() {
    this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT });
  }
}

const baselinesWith = ({ baselines }, { score, baselines: wanted }) =>
  wanted.split(" ").filter((name) => typeof baselines[name]?.[score] === "number");

// The model's score by epoch; each baseline is a line from before the first epoch to the newest.
function scoreChart(box, names) {
  const key = box.dataset.score;
  const factor = Number(box.dataset.factor);
  const own = { label: "model", colour: "--chart-val", points: true };
  return new Chart(box.id, "epoch", (store) =>
    epochCurves(store, key, factor, own, baselinesWith(store, box.dataset).map((name) => ({
      label: names[name], colour: colourOf(name), width: 1.5, dash: DASHES[name],
      value: store.baselines[name][key] * factor,
    }))));
}

function accuracyChart() {
  const own = { label: "DA %", colour: "--chart-val", points: true };
  const coin = { label: "coin", colour: "--chart-base", width: 1, dash: [6, 4], value: 50 };
  return new Chart("chart-da", "epoch", (store) => {
    const known = epochCurves(store, "val_da", 100, own, []);
    return known.data[0].length ? epochCurves(store, "val_da", 100, own, [coin]) : known;
  });
}

export function startCharts(points, names) {
  const store = newStore();
  const charts = [
    new Chart("chart-loss", "step", lossCurves),
    accuracyChart(),
    ...[...document.querySelectorAll("[data-score]")].map((box) => scoreChart(box, names)),
  ];
  let waiting = false;

  const draw = () => {
    waiting = false;
    for (const chart of charts) chart.draw(store);
  };
  addPoints(store, points);
  draw();

  const resizer = new ResizeObserver(() => charts.forEach((chart) => chart.resize()));
  for (const chart of charts) resizer.observe(chart.box);
  document.addEventListener("theme:changed", () => {
    for (const chart of charts) chart.remove();
    draw();
  });

  return (batch) => {
    if (batch.points) addPoints(store, batch.points);
    if (waiting) return;
    waiting = true; // one drawing per frame, however many batches arrive
    requestAnimationFrame(draw);
  };
}
