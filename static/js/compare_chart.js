// One chart of a comparison: a curve per run, its raw points faint where it is smoothed, and the
// baselines as lines. It tells which run is nearest to the pointer, and what every run has there.
import { X_LABELS, nearest, pointsOf } from "./compare_series.js";
import { DASHES, axis, colourOf, css, format } from "./plot_style.js";
import { smoothed } from "./smoothing.js";
import { linearTicks, logTicks } from "./svg_plot.js";

const HEIGHT = 240;
const NEAR = 28; // pixels within which a curve is meant
const FAINT = "38";
const DIM = "2e";
const LINES = [undefined, [8, 4], [2, 3]];
const WIDTH = 1.75;
const FEW = 4; // ticks by powers of ten; with fewer of them round numbers say more

// uPlot's own log scale reaches from one power of ten to the next, which presses most losses flat.
function logScale() {
  return { distr: 3, range: (_, low, high) => [low * (low / high) ** 0.05, high * (high / low) ** 0.05] };
}

function logAxis() {
  const splits = (_, index, low, high) => {
    const powers = logTicks(Math.log10(low), Math.log10(high));
    return powers.length < FEW ? linearTicks(low, high) : powers;
  };
  return { ...axis(""), splits, filter: (_, shown) => shown };
}

export class CompareChart {
  constructor(figure, { runs, baselines, names, onPoint }) {
    this.metric = figure.dataset.metric;
    this.factor = Number(figure.dataset.factor);
    this.unit = figure.dataset.unit;
    this.label = figure.dataset.label;
    this.box = figure.querySelector(".plot");
    this.empty = figure.querySelector(".chart-empty");
    this.note = figure.querySelector("[data-chart-note]");
    this.runs = runs;
    this.names = names;
    this.lines = Object.entries(baselines).filter(([, scores]) => typeof scores[this.metric] === "number");
    this.onPoint = onPoint;
    this.lit = null;
    this.shown = [];
  }

  draw(held, state, waiting) {
    this.plot?.destroy();
    this.plot = null;
    this.shown = this.curvesOf(held, state);
    this.empty.hidden = this.shown.length > 0;
    this.note.textContent = "";
    if (!this.shown.length) {
      this.empty.textContent = waiting ? "Loading…" : "No run that is shown has points here.";
      return;
    }
    const { series, columns } = this.series(state);
    const log = state.log && this.isPositive(columns);
    if (state.log && !log) this.note.textContent = "Linear: not every value is above zero.";
    const left = this.shown.filter(({ total, x }) => total > x.length).length;
    if (left) this.note.textContent += ` ${left === 1 ? "One curve is" : `${left} curves are`} thinned; every peak is kept.`;
    const options = {
      width: this.box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: true, y: false } },
      scales: { x: { time: false }, ...(log && { y: logScale() }) },
      axes: [axis(X_LABELS[state.x]), log ? logAxis() : axis("")],
      series: [{}, ...series],
      hooks: { setCursor: [(plot) => this.point(plot)] },
    };
    this.plot = new uPlot(options, uPlot.join(columns), this.box);
  }

  curvesOf(held, state) {
    return this.runs
      .filter(({ uid }) => held.has(uid) && !state.hide.has(uid))
      .map((run) => ({ run, total: this.metric === "train_loss" ? held.get(run.uid).total : 0, ...pointsOf(held.get(run.uid), this.metric, this.factor, state.x) }))
      .filter(({ y }) => y.some((value) => value !== null));
  }

  series(state) {
    const ends = this.shown.flatMap(({ x }) => [x[0], x.at(-1)]);
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const series = [];
    const columns = [];
    const smooth = state.smooth > 0 && this.metric === "train_loss";
    if (smooth) {
      for (const { run, x, y } of this.shown) {
        columns.push([x, y]);
        series.push({ stroke: () => this.colour(run, FAINT), width: 1, points: { show: false } });
      }
    }
    for (const curve of this.shown) {
      const { x, y } = (smooth && curve.means) || curve;
      const mainY = smooth ? smoothed(x, y, state.smooth, high - low) : y;
      Object.assign(curve, { mainX: x, mainY, at: series.length + 1 });
      columns.push([x, mainY]);
      series.push({
        stroke: () => this.colour(curve.run, ""), width: WIDTH, dash: LINES[curve.run.dash],
        points: { show: x.length < 60, size: 5, fill: () => this.colour(curve.run, "") },
      });
    }
    for (const [name, scores] of this.lines) {
      const value = scores[this.metric] * this.factor;
      columns.push([[low, high], [value, value]]);
      series.push({ stroke: css(colourOf(name)), width: 1.25, dash: DASHES[name], points: { show: false } });
    }
    return { series, columns };
  }

  colour({ uid, hue }, alpha) {
    return `${css(`--hue-${hue}`)}${this.lit && this.lit !== uid ? DIM : alpha}`;
  }

  isPositive(columns) {
    return columns.every(([, y]) => y.every((value) => value === null || value > 0));
  }

  // The nearest curve, and the value of each at the pointer.
  point(plot) {
    const { left, top } = plot.cursor;
    if (left === undefined || left < 0) return this.onPoint(null);
    const at = plot.posToVal(left, "x");
    const values = new Map();
    let best = [NEAR, null];
    for (const { run, mainX, mainY } of this.shown) {
      const index = nearest(mainX, at);
      const value = mainY[index];
      if (value === null || value === undefined) continue;
      values.set(run.uid, value);
      const away = Math.hypot(plot.valToPos(value, "y") - top, plot.valToPos(mainX[index], "x") - left);
      if (away < best[0]) best = [away, run.uid];
    }
    return this.onPoint({ chart: this, at, left, values, nearest: best[1] });
  }

  light(uid) {
    if (uid === this.lit) return;
    this.lit = uid;
    if (!this.plot) return;
    for (const { run, at } of this.shown) this.plot.series[at].width = (run.uid === uid ? 1.8 : 1) * WIDTH;
    this.plot.redraw(false, false);
  }

  text(value) {
    return `${format(value)}${this.unit === "%" ? " %" : ""}`;
  }

  resize() {
    this.plot?.setSize({ width: this.box.clientWidth, height: HEIGHT });
  }
}
