// The plots of a report: what uPlot draws. Their tables come from the server (services/plot_tables).
// Canvas hooks draw what uPlot has no series for: candles, bands of chance, error bars.
import { DASHES, axis, colourOf, css, format, legend, pointed, sideAxis, ticks } from "./plot_style.js";

const SHOWN_FIRST = 60; // decisions of the fan, before anybody zooms
const BASIS_POINT = 1e-4;
const UNITS = {
  crps: ["CRPS, bp", 1 / BASIS_POINT],
  pinball: ["Pinball loss, bp", 1 / BASIS_POINT],
  squared_error: ["Squared error, bp²", 1 / BASIS_POINT ** 2],
};

const number = (value) => (typeof value === "number" ? value : null); // "NaN" is a gap
const iso = (ms) => new Date(ms).toISOString();
const newest = (unit = "") => (plot, value, index, at) =>
  legend(plot, value, index, at, (known) => `${format(known)}${unit}`);
// What stands at the pointer's place; until it comes, what to do.
const place = (write) => (plot, value, index, at) => (at === null ? "point at the plot" : write(value));
// Without the pointer what belongs to the newest time, which may not have come yet.
const known = (plot, value, index, at) => {
  const shown = at === null ? plot.data[index].at(-1) : value;
  return shown === null || shown === undefined ? "not yet" : format(shown);
};
const here = (plot, value, index, at) => pointed(plot, value, index, at, format);

function line(label, colour, more = {}) {
  return { label, stroke: css(colour), width: 1.75, spanGaps: true, points: { show: false }, value: here, ...more };
}

function forecasterLine(key, names, more = {}) {
  const thick = key === "model" ? 2.5 : 1.5;
  return line(names[key] ?? key, colourOf(key), { width: thick, dash: DASHES[key], ...more });
}

function timeOptions() {
  return {
    ms: 1,
    padding: [null, 28, null, null],
    tzDate: (ms) => uPlot.tzDate(new Date(ms), "UTC"),
    scales: { x: { time: true } },
    axes: [timeAxis(), axis("")],
  };
}

// Hours within a day, the date where a new one begins.
function timeAxis() {
  const label = (ms, wide) => {
    const text = iso(ms);
    const midnight = ms % 86_400_000 === 0;
    return wide || midnight ? text.slice(0, 10) : text.slice(11, 16);
  };
  const values = (plot, splits, index, space, step) => splits.map((ms) => label(ms, step >= 86_400_000));
  return { ...axis(""), size: 32, space: 80, values };
}

const timeLabel = {
  label: "time",
  value: (plot, value, index, at) =>
    legend(plot, value, index, at, (ms) => iso(ms).slice(0, 16).replace("T", " ")),
};

function numberOptions(label, side, range) {
  return { scales: { x: { time: false, range } }, axes: [axis(label), sideAxis(side)] };
}

// Shades what lies between two values of y over the whole width, and marks a third.
function shade(low, high, middle) {
  return (plot) => {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (high > low) {
      const above = plot.valToPos(high, "y", true);
      ctx.globalAlpha = 0.22;
      ctx.fillStyle = css("--chart-base");
      ctx.fillRect(left, above, width, plot.valToPos(low, "y", true) - above);
      ctx.globalAlpha = 1;
    }
    const at = Math.round(plot.valToPos(middle, "y", true)) + 0.5;
    ctx.strokeStyle = css("--chart-base");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(left, at);
    ctx.lineTo(left + width, at);
    ctx.stroke();
    ctx.restore();
  };
}

function candles({ time, open, high, low, close }) {
  const up = css("--candle-up");
  const down = css("--candle-down");
  return (plot) => {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const x = (index) => plot.valToPos(time[index], "x", true);
    const y = (value) => plot.valToPos(value, "y", true);
    const gaps = time.slice(1).map((_, at) => x(at + 1) - x(at));
    const body = Math.max(Math.min(...gaps, width / 4) * 0.6, 1);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.lineWidth = Math.min(devicePixelRatio, body);
    time.forEach((_, at) => {
      const rose = close[at] >= open[at];
      ctx.strokeStyle = ctx.fillStyle = rose ? up : down;
      const [upper, lower] = [y(Math.max(open[at], close[at])), y(Math.min(open[at], close[at]))];
      ctx.beginPath();
      ctx.moveTo(x(at), y(high[at]));
      ctx.lineTo(x(at), upper);
      ctx.moveTo(x(at), lower);
      ctx.lineTo(x(at), y(low[at]));
      ctx.stroke();
      const box = [x(at) - body / 2, upper, body, Math.max(lower - upper, 1)];
      if (rose && body > 3) ctx.strokeRect(...box);
      else ctx.fillRect(...box);
    });
    ctx.restore();
  };
}

// Of the candles in sight, none may stick out of the plot.
function withCandles({ time, high, low }, plot, least, most) {
  const { min, max } = plot.scales.x;
  time.forEach((at, index) => {
    if (at < min || at > max) return;
    least = Math.min(least ?? low[index], low[index]);
    most = Math.max(most ?? high[index], high[index]);
  });
  return uPlot.rangeNum(least, most, 0.05, true);
}

export function fan({ fan: chart }) {
  const x = [...new Set([...chart.time, ...chart.target_time])].sort((a, b) => a - b);
  const places = new Map(chart.target_time.map((time, at) => [time, at]));
  const at = (values) => x.map((time) => (places.has(time) ? number(values[places.get(time)]) : null));
  // The oldest forecast opens like a cone from the price at its decision: alone it would be unseen.
  const oldest = chart.location.findIndex((value) => number(value) !== null);
  const cone = (values) =>
    at(values).map((value, place) => (value === null && x[place] === chart.time[oldest] ? chart.close[oldest] : value));
  const edges = chart.levels.map((level, index) => ({ level, values: chart.quantiles[index] }));
  const pairs = edges.slice(0, Math.floor(edges.length / 2)).map((_, low) => [low, edges.length - 1 - low]);
  const percent = (level) => `${Number((100 * level).toPrecision(4))} %`;
  const held = pairs.map(([low, high]) => percent(edges[high].level - edges[low].level)).reverse().join(", ");
  const band = css("--chart-val");
  const middle = edges.find(({ level }) => level === 0.5)?.values ?? chart.location;
  return {
    options: {
      ...timeOptions(),
      series: [
        timeLabel,
        ...edges.map(({ level }) => line(percent(level), "--chart-val", { width: 0, stroke: "transparent", value: newest() })),
        line(edges.length ? "median" : "forecast", "--chart-val", { width: 1.25, value: newest() }),
        line("came", "--chart-came", { width: 0, value: known, points: { show: true, size: 5, fill: css("--chart-came"), stroke: css("--chart-came") } }),
      ],
      bands: pairs.map(([low, high]) => ({ series: [high + 1, low + 1], fill: `${band}2b` })),
      hooks: { draw: [candles(chart)] },
      scales: { x: { time: true }, y: { range: (plot, low, high) => withCandles(chart, plot, low, high) } },
    },
    data: [x, ...edges.map(({ values }) => cone(values)), cone(middle), at(chart.target_close)],
    bands: pairs.length ? [{ label: `${held} of the forecast`, show: true, stroke: `${band}55` }] : [],
    first: [chart.time.at(-SHOWN_FIRST) ?? x[0], x.at(-1)],
    decisions: x.map((time) => (places.has(time) ? chart.time[places.get(time)] : null)),
  };
}

export function pit({ pit: section }, names) {
  const bins = section.histograms[0].counts.length;
  const middles = Array.from({ length: bins }, (_, bin) => (bin + 0.5) / bins);
  const shares = section.histograms.map(({ counts }) => counts.map((count) => count / section.expected));
  const bars = uPlot.paths.bars({ size: [0.9] });
  const series = section.histograms.map(({ forecaster }) =>
    forecaster === "model"
      ? line(names.model, "--chart-val", { paths: bars, width: 1, fill: `${css("--chart-val")}55` })
      : forecasterLine(forecaster, names));
  return {
    options: {
      ...numberOptions("place of the outcome in the forecast", "outcomes, 1 is even", () => [0, 1]),
      series: [{ label: "at", value: place(format) }, ...series],
      hooks: { drawAxes: [shade(section.low / section.expected, section.high / section.expected, 1)] },
    },
    data: [middles, ...shares],
  };
}

export function coverage({ coverage: rows }, names) {
  const forecasters = [...new Set(rows.map((row) => row.forecaster))];
  const nominals = [...new Set(rows.map((row) => row.nominal))].sort((a, b) => a - b);
  // Forecasters stand side by side around each nominal coverage.
  const places = nominals.flatMap((_, group) => forecasters.map((_, at) => group + ((at + 0.5) / forecasters.length - 0.5) * 0.7));
  const cells = nominals.flatMap((nominal) =>
    forecasters.map((key) => rows.find((row) => row.forecaster === key && row.nominal === nominal)));
  const points = (key) => cells.map((row) => (row?.forecaster === key ? 100 * (row.covered - row.nominal) : null));
  const width = Math.max(...rows.map((row) => 100 * Math.max(Math.abs(row.low - row.nominal), Math.abs(row.high - row.nominal))));
  return {
    options: {
      scales: { x: { time: false, range: () => [-0.5, nominals.length - 0.5] }, y: { range: () => [-1.1 * width, 1.1 * width] } },
      axes: [
        { ...axis("nominal coverage"), splits: () => nominals.map((_, at) => at), values: () => nominals.map((nominal) => `${100 * nominal} %`) },
        sideAxis("percentage points"),
      ],
      series: [
        { label: "nominal", value: place((value) => `${100 * nominals[Math.round(value)]} %`) },
        ...forecasters.map((key) => forecasterLine(key, names, { paths: () => null, points: { show: true, size: key === "model" ? 9 : 7, fill: css(colourOf(key)), stroke: css(colourOf(key)) } })),
      ],
      hooks: { drawAxes: [shade(0, 0, 0)], draw: [errorBars(cells, places, forecasters)] },
    },
    data: [places, ...forecasters.map(points)],
  };
}

function errorBars(cells, places, forecasters) {
  return (plot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    cells.forEach((row, at) => {
      if (!row || !plot.series[forecasters.indexOf(row.forecaster) + 1].show) return;
      const x = plot.valToPos(places[at], "x", true);
      ctx.strokeStyle = css(colourOf(row.forecaster));
      ctx.beginPath();
      ctx.moveTo(x, plot.valToPos(100 * (row.low - row.nominal), "y", true));
      ctx.lineTo(x, plot.valToPos(100 * (row.high - row.nominal), "y", true));
      ctx.stroke();
    });
    ctx.restore();
  };
}

export function reliability(direction) {
  return ({ reliability: curves }) => {
    const ours = curves.filter((curve) => curve.direction === direction);
    const tables = ours.map((curve) => [curve.confidence, curve.accuracy]);
    const values = ours.flatMap((curve) => [...curve.confidence, ...curve.accuracy]);
    const from = Math.max(0, Math.floor(Math.min(...values) * 10 - 0.5) / 10);
    const to = Math.min(1, Math.ceil(Math.max(...values) * 10 + 0.5) / 10);
    const joined = uPlot.join([...tables, [[from, to], [from, to]]]);
    const label = ({ calibrated, ece }) => `${calibrated ? "calibrated" : "uncalibrated"}, ECE ${(100 * ece).toFixed(1)} %`;
    const look = ({ calibrated }) => {
      const colour = colourOf(calibrated ? "model" : "model_uncalibrated");
      return [colour, { dash: calibrated ? undefined : [6, 4], points: { show: true, size: 7, fill: css(colour), stroke: css(colour) } }];
    };
    return {
      options: {
        scales: { x: { time: false, range: () => [from, to] }, y: { range: () => [from, to] } },
        axes: [axis("probability said"), sideAxis("share that came")],
        series: [
          { label: "said", value: place(format) },
          ...ours.map((curve) => line(label(curve), ...look(curve))),
          line("honest", "--chart-base", { width: 1, dash: [2, 3] }),
        ],
      },
      data: joined,
    };
  };
}

export function breakdown(by) {
  return ({ breakdowns }, names) => {
    const part = breakdowns.find((one) => one.by === by);
    const [label, factor] = UNITS[part.score] ?? [part.score, 1];
    const forecasters = Object.keys(part.scores);
    const at = part.labels.map((_, index) => index);
    const values = (key) => part.scores[key].map((value) => (number(value) === null ? null : value * factor));
    const dots = (key) => ({ show: true, size: key === "model" ? 7 : 5, fill: css(colourOf(key)), stroke: css(colourOf(key)) });
    const every = part.labels.length > 12 ? 3 : 1;
    return {
      options: {
        scales: { x: { time: false, range: () => [-0.5, part.labels.length - 0.5] } },
        axes: [
          { ...axis(by === "hour" ? "hour, UTC" : "volatility"), splits: () => at.filter((index) => index % every === 0), values: (_, splits) => splits.map((index) => part.labels[index]) },
          sideAxis(label),
        ],
        series: [
          { label: by, value: place((value) => `${part.labels[value]}, ${part.rows[value].toLocaleString("en")} rows`) },
          ...forecasters.map((key) => forecasterLine(key, names, { spanGaps: false, points: dots(key) })),
        ],
      },
      data: [at, ...forecasters.map(values)],
    };
  };
}

const RULES = {
  threshold: ["threshold", "--chart-val", undefined],
  sign: ["sign", "--chart-train", [12, 4]],
  buy_and_hold: ["buy and hold", "--chart-base", [6, 4]],
};

export function equity({ equity: curve }) {
  const rules = Object.keys(curve.log_return);
  const percent = (values) => values.map((value) => (number(value) === null ? null : 100 * Math.expm1(value)));
  return {
    options: {
      ...timeOptions(),
      axes: [timeAxis(), { ...axis(""), values: (_, splits) => ticks(splits).map((text) => text && `${text} %`) }],
      series: [
        timeLabel,
        ...rules.map((rule) => {
          const [label, colour, dash] = RULES[rule] ?? [rule, "--chart-base", undefined];
          return line(label, colour, { dash, value: newest(" %") });
        }),
      ],
    },
    data: [curve.time, ...rules.map((rule) => percent(curve.log_return[rule]))],
  };
}
