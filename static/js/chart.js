// One chart of a run: a card of the page, drawn by uPlot from the curves of its metrics.
import { aligned, places } from "./curve_data.js";
import { DASHES, LEGEND, axis, colourOf, css, format, legend } from "./plot_style.js";
import { smoothed } from "./smoothing.js";

const HEIGHT = 232;
const FULL_MARGIN = 170;
const MARK_PX = 4;
const FEW = 100; // points of a line that are marked; more of them would be a band

// Steps are counted, so their axis has whole numbers only.
const WHOLE = [1, 2, 5].flatMap((first) => [...Array(10).keys()].map((power) => first * 10 ** power));
WHOLE.sort((a, b) => a - b);

const LABELS = { step: "step", epoch: "epoch", time: "time, UTC" };
const whole = (number) => number.toLocaleString("en");

// Ticks in UTC: with tenths, seconds, minutes or the day, as far as neighbours differ by them.
function clock(_, splits, __, ___, step) {
  const [from, to] = step < 1 ? [11, 21] : step < 60 ? [11, 19] : step < 86400 / 2 ? [11, 16] : [5, 16];
  return splits.map((seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").slice(from, to));
}

// A cross at the foot of the chart where a value was not finite, since there is no place for it.
function drawMarks(plot, words) {
  const { ctx, bbox } = plot;
  const size = MARK_PX * devicePixelRatio;
  const y = bbox.top + bbox.height - 2 * size;
  ctx.save();
  ctx.strokeStyle = css("--chart-mark");
  ctx.lineWidth = 2 * devicePixelRatio;
  for (const place of words.keys()) {
    const x = plot.valToPos(place, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x - size, y + size);
    ctx.lineTo(x + size, y - size);
    ctx.stroke();
  }
  ctx.restore();
}

function spread(data) {
  const [x] = data[0];
  data[0] = [x - 1, x, x + 1];
  for (let at = 1; at < data.length; at += 1) data[at] = [undefined, data[at][0], undefined];
}

export class Chart {
  // state: curves by metric, settings, zoom by axis, baselines, names, stepsPerEpoch; shared by all.
  constructor(spec, state, onZoom) {
    this.spec = spec;
    this.state = state;
    this.onZoom = onZoom;
    this.box = document.getElementById(`chart-${spec.key}`);
    this.card = this.box.closest(".card");
    this.count = this.card.querySelector("[data-count-of]");
    this.metrics = spec.lines.map(({ metric }) => metric);
    this.visible = false;
    this.answered = false; // its curves, or that they cannot be read now
    this.stale = true;
    this.plot = null;
    this.drawn = "";
    this.alone = false; // there is one point, and it stands between two that are none
    this.words = new Map();
  }

  get axis() {
    const { axis: wanted } = this.state.settings;
    if (this.spec.group === "system") return "time";
    return wanted === "epoch" && !this.state.stepsPerEpoch ? "step" : wanted;
  }

  get zoom() {
    return this.state.zooms[this.axis];
  }

  get height() {
    return document.fullscreenElement === this.card ? innerHeight - FULL_MARGIN : HEIGHT;
  }

  get width() {
    return this.box.clientWidth;
  }

  // Shares and amounts are read against nothing and all.
  get yScale() {
    if (this.spec.unit === "%") return { range: [0, 100] };
    return ["GB", "MB"].includes(this.spec.unit) ? { range: (_, __, most) => [0, most * 1.1 || 1] } : {};
  }

  get curves() {
    return this.metrics.map((metric) => this.state.curves.get(metric)).filter((curve) => curve?.read);
  }

  // Each line as {label, colour, x, y, ...}: raw and smoothed curves, pieces left behind, baselines.
  lines() {
    const { curves, settings, stepsPerEpoch, baselines, names } = this.state;
    const { factor } = this.spec;
    const scaled = (values) => values.map((one) => (typeof one === "number" ? one * factor : one));
    const found = [];
    const past = [];
    for (const line of this.spec.lines) {
      const curve = curves.get(line.metric);
      if (!curve?.read) continue;
      const x = places(curve, this.axis, stepsPerEpoch);
      const y = scaled(curve.value);
      const shape = { label: line.label, colour: line.colour, width: line.dots ? 2 : 1.25, points: (line.dots && x.length <= FEW) || x.length === 1 };
      if (settings.smooth && !line.dots) {
        found.push({ ...shape, label: `${line.label}, each point`, faint: true, width: 1, x, y });
        found.push({ ...shape, width: 2, ...this.average(curve, scaled) });
      } else found.push({ ...shape, x, y });
      for (const piece of curve.abandoned) {
        if (!piece.value.length) continue;
        const label = `${this.spec.lines.length > 1 ? `${line.label}, ` : ""}abandoned (attempt ${piece.attempt})`;
        past.push({ ...shape, label, faint: true, width: 1, x: places(piece, this.axis, stepsPerEpoch), y: scaled(piece.value) });
      }
    }
    const across = this.spec.baselines
      .filter((name) => typeof baselines[name]?.[this.metrics[0]] === "number")
      .map((name) => ({ label: names[name], colour: colourOf(name), width: 1.5, dash: DASHES[name], level: baselines[name][this.metrics[0]] * factor }));
    if (this.spec.level !== null && found.some(({ x }) => x.length)) {
      across.push({ label: this.spec.level_label, colour: "--chart-base", width: 1, dash: [6, 4], level: this.spec.level });
    }
    return { found, past, across };
  }

  average(curve, scaled) {
    const source = curve.means.step.length ? curve.means : curve;
    const x = places(source, this.axis, this.state.stepsPerEpoch);
    return { x, y: smoothed(x, scaled(source.value), this.state.settings.smooth, x.at(-1) - x[0]) };
  }

  draw() {
    this.stale = false;
    const { found, past, across } = this.lines();
    const { data, words } = aligned([...found, ...past]);
    if (!data[0].length && across.length) data[0] = [0, 1];
    const filled = data[0].length > 0;
    this.newest = data[0].at(-1);
    this.alone = data[0].length === 1;
    if (this.alone) spread(data); // a line needs two ends, and an axis of time more than a moment
    const levels = across.map(({ level }) => data[0].map(() => level));
    data.splice(1 + found.length, 0, ...levels);
    const empty = this.box.querySelector(".chart-empty");
    empty.hidden = filled;
    if (this.curves.length) empty.textContent = this.zoom ? "No points in this part." : empty.dataset.none;
    this.words = words;
    this.box.dataset.marks = [...words].map(([x, word]) => `${word} at ${this.axis} ${x}`).join("; ");
    this.tellCount();
    if (!filled) return this.remove();
    const shapes = [...found, ...across, ...past];
    const positive = data.slice(1).every((column) => column.every((value) => value === null || value === undefined || value > 0));
    const log = this.state.settings.log && this.spec.group !== "system";
    this.card.querySelector("[data-linear]").hidden = !log || positive;
    const key = JSON.stringify([shapes.map(({ label, width, faint, points }) => [label, width, faint, points]), this.axis, log && positive]);
    if (this.plot && key === this.drawn) return this.plot.setData(data);
    this.remove(); // uPlot's series and scales are fixed once it is drawn
    this.drawn = key;
    this.plot = new uPlot(this.options(shapes, log && positive), data, this.box);
  }

  tellCount() {
    const curves = this.curves;
    const total = curves.reduce((sum, curve) => sum + curve.total, 0);
    const shown = curves.reduce((sum, curve) => sum + curve.value.length, 0);
    const exact = curves.every((curve) => curve.exact);
    const text = !total ? "" : exact ? `${whole(total)} point${total === 1 ? "" : "s"}` : `${whole(shown)} of ${whole(total)} points`;
    if (this.count.textContent !== text) this.count.textContent = text;
  }

  options(shapes, log) {
    const time = this.axis === "time";
    const write = time
      ? (x) => new Date(x * 1000).toISOString().replace("T", " ").slice(0, 19)
      : (x) => x.toLocaleString("en", { maximumFractionDigits: 3 });
    const xAxis = axis(LABELS[this.axis]);
    if (time) Object.assign(xAxis, { values: clock, space: 80 });
    if (this.axis === "step") xAxis.incrs = WHOLE;
    return {
      width: this.width,
      height: this.height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: {
        points: { size: 7 },
        sync: { key: this.axis, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => this.onZoom(this, null) },
      },
      legend: LEGEND,
      scales: {
        x: { time, range: (_, min, max) => this.zoom ?? (min === max ? [min - 1, max + 1] : [min, max]) },
        y: log ? { distr: 3 } : this.yScale,
      },
      axes: [xAxis, axis("")],
      hooks: {
        draw: [(plot) => drawMarks(plot, this.words)],
        setSelect: [(plot) => this.select(plot)],
      },
      series: [
        { label: LABELS[this.axis], value: (_, value, __, at) => write(at === null ? this.newest : value) },
        ...shapes.map((one) => this.shape(one)),
      ],
    };
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < 3) return;
    const from = plot.posToVal(left, "x");
    const to = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.onZoom(this, [from, to]);
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
    const { width, height } = this;
    if (this.plot && (this.plot.width !== width || this.plot.height !== height)) this.plot.setSize({ width, height });
  }

  // Header and rows of what is drawn, for a file.
  table() {
    const names = this.plot.series.map(({ label }) => label);
    const rows = this.plot.data[0].map((x, index) => [x, ...this.plot.data.slice(1).map((column) => (column[index] === null ? this.words.get(x) : column[index]))]);
    return { header: names, rows: this.alone ? [rows[1]] : rows };
  }
}
