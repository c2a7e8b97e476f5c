// How every plot looks: numbers, axes, the legend, and the colours of the theme.
const read = new Map();

// A value of the style sheet, read once per theme: each reading makes the browser settle the styles of
// the whole page, and twenty curves are drawn anew whenever one more arrives.
export function css(name) {
  if (!read.has(name)) read.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return read.get(name);
}
document.addEventListener("theme:changed", () => read.clear());

// As the pages write it: U+2212, which is as wide as a plus.
export const minus = (text) => text.replaceAll("-", "−");

export function format(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e9) return minus(value.toExponential(2));
  return minus(size >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : value.toPrecision(4));
}

export const compact = (value, digits = 3) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e12) return Number(value.toPrecision(digits)).toExponential();
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(digits))}B`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(digits))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(digits))}k`;
  if (size < 1e-3) return Number(value.toPrecision(digits)).toExponential();
  return Number(value.toPrecision(digits + 3)).toLocaleString("en", { maximumFractionDigits: MOST_DIGITS });
};

const MOST_DIGITS = 10;
const UNITS = [[1e9, "B"], [1e6, "M"]];
const FEW_DIGITS = 5; // more of them do not fit beside the plot

// The ticks of one axis as they are and with equally many digits: 13.80, 13.85, 13.90.
export function ticks(splits) {
  const known = splits.filter((value) => value !== null);
  const steps = known.slice(1).map((value, at) => value - known[at]);
  const top = Math.max(...known.map(Math.abs));
  const even = Math.max(...steps) < 1.5 * Math.min(...steps);
  if (!even || top < 1e-4) return splits.map((value) => (value === null ? "" : minus(compact(value))));
  let [unit, suffix] = UNITS.find(([size]) => top >= size) ?? [1, ""];
  let digits = digitsOf(known, unit);
  if (digits > FEW_DIGITS || top >= 1e12) {
    const power = Math.floor(Math.log10(top));
    [unit, suffix] = [10 ** power, `e${power}`];
    digits = digitsOf(known, unit);
  }
  const write = (value) => (value / unit).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return splits.map((value) => (value === null ? "" : value === 0 ? "0" : minus(`${write(value)}${suffix}`)));
}

function digitsOf(values, unit) {
  const whole = (value, digits) => Math.abs((value / unit) * 10 ** digits - Math.round((value / unit) * 10 ** digits)) < 1e-4;
  let digits = 0;
  while (digits < MOST_DIGITS && !values.every((value) => whole(value, digits))) digits += 1;
  return digits;
}

// Without the pointer the legend shows the newest values.
export function legend(plot, value, index, at, write) {
  const shown = at === null ? plot.data[index].findLast((known) => known !== null && known !== undefined) : value;
  return shown === null || shown === undefined ? "–" : write(shown);
}

// Without the pointer nothing: the last value of a histogram is no more than any other.
export const pointed = (plot, value, index, at, write) =>
  at === null || value === null || value === undefined ? "" : write(value);

// uPlot draws the keys of a legend as boxes; those of broken lines are broken, too.
export const LEGEND = {
  live: true,
  markers: { dash: (plot, index) => (plot.series[index].dash ? (plot.series[index].dash[0] > 4 ? "dashed" : "dotted") : "solid") },
};

// An axis up the side with words, what its numbers mean.
export const sideAxis = (label) => ({ ...axis(""), label, labelSize: 18 });

export function axis(label) {
  const grid = css("--chart-grid");
  return {
    label,
    labelSize: label ? 18 : 0,
    size: label ? 32 : 62,
    font: "11px system-ui",
    labelFont: "11px system-ui",
    stroke: css("--chart-text"),
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
    values: (_, splits) => ticks(splits),
  };
}

// The lines of the baselines; the same dashes as .line-key in app.css.
export const DASHES = { random_walk: [6, 4], constant: [2, 3], ewma: [12, 4], garch: [3, 1] };

const COLOURS = { model: "--chart-val", model_uncalibrated: "--chart-train" };
export const colourOf = (forecaster) => COLOURS[forecaster] ?? `--chart-${forecaster}`;
