// The candle chart of a data set: price with EMA, volume, RSI and ATR, over one axis of time.
// The server joins bars to sticks that fit the width; here they are drawn, moved and zoomed.
import { axis, compact, css, format, ticks } from "./plot_style.js";

const PANES = [
  { name: "price", label: "Price, EMA(20)", height: 300 },
  // What stands at the foot of its pane would be cut off: nothing at 0.
  { name: "volume", label: "Volume", height: 90, axis: { values: (_, splits) => ticks(splits).map((text) => (text === "0" ? "" : text)) } },
  { name: "rsi", label: "RSI(14)", height: 90, axis: { splits: () => [30, 50, 70] } },
  { name: "atr", label: "ATR(14), in units of price", height: 112, times: true },
];
const STEP = 0.25; // of the width, by one press of a key
const ZOOM = 1.5;
const LEAST_STICKS = 20;
const REST_MS = 90;
const DAY = 86_400_000;

const iso = (ms) => new Date(ms).toISOString();
const whole = (value) => value.toLocaleString("en");
const price = (value) => {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e7 ? Number(value.toPrecision(7)).toLocaleString("en", { maximumFractionDigits: 10 }) : format(value);
};

const amount = (value) => (value === null || value === undefined ? "–" : compact(value, 4));

class CandleChart {
  constructor(box) {
    this.box = box;
    this.state = document.getElementById("candle-state");
    this.values = document.getElementById("candle-values");
    this.plots = [];
    this.answer = null;
    this.view = null; // [from, to] in ms
    this.asking = null;
    this.at = null;
    this.boxes = PANES.map(({ label }) => {
      const pane = document.createElement("div");
      pane.className = "pane";
      const name = document.createElement("div");
      name.className = "pane-name";
      name.textContent = label;
      pane.append(name);
      box.append(pane);
      return pane;
    });
    this.listen();
    this.say("Drawing… The first look at a data set takes a few seconds.");
    this.ask();
  }

  say(text, isFault = false) {
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.classList.toggle("text-danger", isFault);
  }

  // A window half as wide again on both sides, so that a move shows something at once.
  async ask() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const pixels = Math.max(Math.round(this.box.clientWidth), 100);
    const query = new URLSearchParams({ width: pixels });
    if (this.view) {
      const { first, last, bar_seconds: bar } = this.answer;
      const span = this.view[1] - this.view[0];
      const from = Math.max(Math.round(this.view[0] - span / 2), first);
      const to = Math.min(Math.round(this.view[1] + span / 2), last + 1000 * bar);
      query.set("from", from);
      query.set("to", to);
      query.set("width", Math.min(Math.round((pixels * (to - from)) / span), 10_000));
    }
    let answer;
    try {
      const response = await fetch(`${this.box.dataset.address}?${query}`, {
        headers: { Accept: "application/json" }, signal: asking.signal,
      });
      answer = await response.json();
      if (!response.ok) throw new Error(typeof answer.detail === "string" ? answer.detail : `The server answered ${response.status}.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.say(`The candles could not be loaded: ${error.message}`, true);
      return;
    }
    if (asking.signal.aborted) return;
    this.answer = answer;
    this.view ??= [answer.first, answer.last + 1000 * answer.bar_seconds];
    this.draw();
  }

  show(from, to) {
    if (!this.answer) return;
    const { first, last, bar_seconds: bar } = this.answer;
    const end = last + 1000 * bar;
    const width = Math.min(Math.max(to - from, LEAST_STICKS * 1000 * bar), end - first);
    const middle = (from + to) / 2;
    const start = Math.min(Math.max(middle - width / 2, first), end - width);
    this.view = [start, start + width];
    for (const plot of this.plots) plot.setScale("x", { min: start, max: start + width });
    this.tell();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.ask(), REST_MS);
  }

  move(name) {
    if (!this.view) return;
    const [from, to] = this.view;
    const width = to - from;
    const { first, last } = this.answer;
    const scaled = (factor) => {
      const middle = this.at !== null && this.at > from && this.at < to ? this.at : (from + to) / 2;
      return [middle - (middle - from) * factor, middle + (to - middle) * factor];
    };
    const targets = {
      left: () => [from - STEP * width, to - STEP * width],
      right: () => [from + STEP * width, to + STEP * width],
      in: () => scaled(1 / ZOOM),
      out: () => scaled(ZOOM),
      all: () => [first, last + 1000 * this.answer.bar_seconds],
      end: () => [last - width, last],
    };
    this.show(...targets[name]());
  }

  listen() {
    const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", Home: "all", End: "end" };
    this.box.addEventListener("keydown", (event) => {
      const name = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
      if (!name) return;
      event.preventDefault();
      this.move(name);
    });
    for (const button of document.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => {
        this.at = null;
        this.move(button.dataset.move);
      });
    }
    this.box.addEventListener("wheel", (event) => {
      if (!this.view || event.ctrlKey) return;
      event.preventDefault();
      this.at = this.timeAt(event);
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const moved = (event.deltaX / this.box.clientWidth) * (this.view[1] - this.view[0]);
        return this.show(this.view[0] + moved, this.view[1] + moved);
      }
      const factor = Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300)));
      const [from, to] = this.view;
      this.show(this.at - (this.at - from) * factor, this.at + (to - this.at) * factor);
    }, { passive: false });
    // Who removes the data set must not be answered that its candles are gone.
    document.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      clearTimeout(this.waiting);
      this.asking?.abort();
    });
    this.drag();
    new ResizeObserver(() => {
      if (!this.answer || this.drawnWidth === this.box.clientWidth) return;
      this.draw();
      this.ask();
    }).observe(this.box);
    new MutationObserver(() => this.answer && this.draw()).observe(document.documentElement, {
      attributes: true, attributeFilter: ["data-bs-theme"],
    });
  }

  drag() {
    let grip = null;
    this.box.addEventListener("pointerdown", (event) => {
      if (!this.view || event.button !== 0) return;
      grip = { x: event.clientX, view: this.view };
      this.box.setPointerCapture(event.pointerId);
    });
    this.box.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const moved = ((grip.x - event.clientX) / this.plots[0].over.clientWidth) * (grip.view[1] - grip.view[0]);
      this.show(grip.view[0] + moved, grip.view[1] + moved);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.box.addEventListener(name, () => (grip = null));
    }
  }

  timeAt(event) {
    const over = this.plots[0].over.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - over.left) / over.width, 0), 1);
    return this.view[0] + share * (this.view[1] - this.view[0]);
  }

  draw() {
    for (const plot of this.plots) plot.destroy();
    this.drawnWidth = this.box.clientWidth;
    const { columns, stick_seconds: seconds } = this.answer;
    this.plots = PANES.map((pane, at) => new uPlot(this.options(pane), seriesData(pane.name, columns, seconds), this.boxes[at]));
    this.tell();
  }

  options(pane) {
    const { columns, stick_seconds: seconds } = this.answer;
    const [min, max] = this.view;
    const hooks = { setCursor: [(plot) => this.point(plot)] };
    if (pane.name === "price") hooks.drawAxes = [sticks(columns, seconds)];
    if (pane.name === "volume") hooks.drawAxes = [bars(columns, seconds)];
    if (pane.name === "rsi") hooks.drawAxes = [lines([30, 70])];
    return {
      ms: 1,
      width: this.box.clientWidth,
      height: pane.height,
      padding: [6, 40, 0, 0],
      legend: { show: false },
      tzDate: (ms) => uPlot.tzDate(new Date(ms), "UTC"),
      cursor: {
        sync: { key: "candles", setSeries: false }, drag: { x: false, y: false },
        points: { show: false }, y: pane.name === "price",
      },
      scales: {
        x: { time: true, min, max, auto: false, range: (plot, low, high) => [low, high] },
        y: { range: () => valueRange(pane.name, columns, seconds, this.view) },
      },
      axes: [{ ...timeAxis(), show: Boolean(pane.times) }, { ...axis(""), size: 64, space: 28, ...pane.axis }],
      series: [{}, ...linesOf(pane.name)],
      hooks,
    };
  }

  // What the crosshair stands on; without it the newest stick in sight.
  point(plot) {
    const { left, idx } = plot.cursor;
    const shown = left >= 0 && idx !== null;
    this.at = shown ? plot.data[0][idx] : null;
    this.tellValues(shown ? idx : null);
  }

  tell() {
    const { bars: all, bar, stick, columns, stick_seconds: seconds, bar_seconds: barSeconds } = this.answer;
    const [from, to] = this.view;
    const inSight = columns.time.filter((at) => at >= from && at < to).length;
    const joined = seconds === barSeconds
      ? `each stick is one bar of ${bar}`
      : `each stick is ${stick} of ${bar} bars`;
    this.say(`${whole(inSight)} sticks, ${iso(from).slice(0, 16).replace("T", " ")} to ${iso(to).slice(0, 16).replace("T", " ")} UTC; ${joined}; ${whole(all)} bars in the file.`);
    this.tellValues(null);
  }

  tellValues(index) {
    const { columns } = this.answer;
    const found = index ?? columns.time.findLastIndex((at) => at < this.view[1]);
    const items = [["Time", found < 0 ? "–" : iso(columns.time[found]).slice(0, 16).replace("T", " ")]];
    for (const name of ["open", "high", "low", "close"]) {
      items.push([name[0].toUpperCase() + name.slice(1), price(columns[name][found])]);
    }
    const others = { volume: ["Volume", amount], ema: ["EMA", price], rsi: ["RSI", format], atr: ["ATR", price] };
    for (const [name, [label, write]] of Object.entries(others)) items.push([label, write(columns[name][found])]);
    if (this.values.childElementCount !== items.length) {
      this.values.replaceChildren(...items.map(([label]) => {
        const item = document.createElement("div");
        item.append(Object.assign(document.createElement("dt"), { textContent: label }), document.createElement("dd"));
        return item;
      }));
    }
    items.forEach(([, text], at) => {
      const cell = this.values.children[at].lastElementChild;
      if (cell.textContent !== text) cell.textContent = text;
    });
  }
}

// Lines and crosshair stand in the middle of a stick's time, as the stick does.
function seriesData(name, columns, seconds) {
  const time = columns.time.map((at) => at + 500 * seconds);
  if (name === "price") return [time, columns.ema];
  return [time, columns[name]];
}

function linesOf(name) {
  const line = (colour) => ({ stroke: css(colour), width: 1.5, points: { show: false }, spanGaps: true });
  if (name === "volume") return [{ paths: () => null, points: { show: false } }];
  return [line({ price: "--chart-ewma", rsi: "--chart-train", atr: "--chart-val" }[name])];
}

// Lowest and highest value in sight, with a little air.
function valueRange(name, columns, seconds, [min, max]) {
  if (name === "rsi") return [0, 100];
  const { time } = columns;
  let low = Infinity;
  let high = -Infinity;
  const [lows, highs] = name === "price" ? [columns.low, columns.high] : [columns[name], columns[name]];
  for (let at = 0; at < time.length; at += 1) {
    if (time[at] + 1000 * seconds <= min || time[at] >= max || lows[at] === null) continue;
    if (lows[at] < low) low = lows[at];
    if (highs[at] > high) high = highs[at];
  }
  if (low > high) return [0, 1];
  const air = (high - low || Math.abs(high) || 1) * 0.06;
  return name === "volume" ? [0, high + air || 1] : [low - air, high + air];
}

function timeAxis() {
  const values = (plot, splits, index, space, step) => splits.map((ms) => {
    const text = iso(ms);
    if (step >= DAY) return text.slice(0, 10);
    return ms % DAY === 0 ? text.slice(5, 10) : text.slice(11, 16);
  });
  return { ...axis(""), size: 30, space: 90, values };
}

// Inside the plot alone.
function clipped(plot, paint) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paint(ctx);
  ctx.restore();
}

// Rising and falling in two passes; a stick stands in the middle of its time.
function eachStick(plot, { time, open, close }, seconds, paint) {
  const span = 1000 * seconds;
  const { min, max } = plot.scales.x;
  const slot = (plot.bbox.width / (max - min)) * span;
  const body = Math.max(slot * 0.7, 1);
  clipped(plot, (ctx) => {
    for (const rising of [true, false]) {
      ctx.fillStyle = css(rising ? "--candle-up" : "--candle-down");
      for (let at = 0; at < time.length; at += 1) {
        if (time[at] + span < min || time[at] > max || close[at] >= open[at] !== rising) continue;
        paint(ctx, at, plot.valToPos(time[at] + span / 2, "x", true), body);
      }
    }
  });
}

function sticks(columns, seconds) {
  const { open, high, low, close } = columns;
  return (plot) => {
    const y = (value) => plot.valToPos(value, "y", true);
    eachStick(plot, columns, seconds, (ctx, at, x, body) => {
      const thin = Math.max(Math.min(devicePixelRatio, body), 1);
      ctx.fillRect(x - thin / 2, y(high[at]), thin, Math.max(y(low[at]) - y(high[at]), 1));
      if (body < 2) return;
      const upper = y(Math.max(open[at], close[at]));
      ctx.fillRect(x - body / 2, upper, body, Math.max(y(Math.min(open[at], close[at])) - upper, 1));
    });
  };
}

function bars(columns, seconds) {
  return (plot) => {
    const bottom = plot.valToPos(0, "y", true);
    eachStick(plot, columns, seconds, (ctx, at, x, body) => {
      const top = plot.valToPos(columns.volume[at] ?? 0, "y", true);
      ctx.globalAlpha = 0.75;
      ctx.fillRect(x - body / 2, top, body, bottom - top);
    });
  };
}

function lines(levels) {
  return (plot) => clipped(plot, (ctx) => {
    ctx.fillStyle = css("--chart-base");
    ctx.globalAlpha = 0.5;
    for (const level of levels) {
      ctx.fillRect(plot.bbox.left, Math.round(plot.valToPos(level, "y", true)), plot.bbox.width, 1);
    }
  });
}

function start() {
  const box = document.getElementById("candle-chart");
  if (!box || box.dataset.drawn) return;
  box.dataset.drawn = "yes";
  new CandleChart(box);
}

start();
// The chart comes with the report once the file has been read.
document.addEventListener("htmx:after:swap", start);
