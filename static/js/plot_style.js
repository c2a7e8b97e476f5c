// How every plot looks: numbers, axes, the legend, and the colours of the theme.
const read = new Map();

// A value of the style sheet, read once per theme: each reading makes the browser settle the styles of
// the whole page, and twenty curves are drawn anew whenever one more arrives.
export function css(name) {
  if (!read.has(name)) read.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return read.get(name);
}
document.addEventListener("theme:changed", () => read.clear());

export function format(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e5) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

export const compact = (value, digits = 3) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(digits))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(digits))}k`;
  if (size < 1e-3) return Number(value.toPrecision(digits)).toExponential();
  return String(Number(value.toPrecision(digits + 3)));
};

// As many digits as tell the ticks of one axis apart.
function ticks(splits) {
  for (let digits = 3; ; digits += 1) {
    const texts = splits.map((value) => (value === null ? "" : compact(value, digits)));
    const known = texts.filter(Boolean);
    if (digits >= 9 || new Set(known).size === known.length) return texts;
  }
}

// Without the pointer on the chart the legend shows the newest values.
export function legend(plot, value, index, at, write) {
  const shown = at === null ? plot.data[index].findLast((known) => known !== null && known !== undefined) : value;
  return shown === null || shown === undefined ? "–" : write(shown);
}

export function axis(label) {
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
    values: (_, splits) => ticks(splits),
  };
}

// The lines of the baselines; the same dashes as .line-key in app.css.
export const DASHES = { random_walk: [6, 4], constant: [2, 3], ewma: [12, 4], garch: [3, 1] };

const COLOURS = { model: "--chart-val", model_uncalibrated: "--chart-train" };
export const colourOf = (forecaster) => COLOURS[forecaster] ?? `--chart-${forecaster}`;
