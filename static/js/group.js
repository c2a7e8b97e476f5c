// The skill of every run of a group: a dot each, and per baseline a line through the folds' means.
import { LEGEND, axis, css, minus, pointed, sideAxis } from "./plot_style.js";

const HEIGHT = 250;
const DOT = 3.5;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value) => minus(`${value > 0 ? "+" : ""}${value.toFixed(2)} %`);

let plot = null;
let drawn = "";

// Dots of one baseline stand a little beside those of the next, so that none hides another.
function columns(series) {
  const places = new Map();
  series.forEach(({ dots }, index) => {
    const shift = (index - (series.length - 1) / 2) * 0.06;
    for (const [x, skill] of dots) {
      const at = x + shift;
      if (!places.has(at)) places.set(at, series.map(() => []));
      places.get(at)[index].push(100 * skill);
    }
  });
  const x = [...places.keys()].sort((a, b) => a - b);
  const dots = x.map((at) => places.get(at));
  const means = series.map((_, index) => dots.map((held) => (held[index].length ? mean(held[index]) : null)));
  return { data: [x, ...means], dots };
}

function drawDots(held, series, x, dots) {
  const { ctx } = held;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  const zero = held.valToPos(0, "y", true);
  ctx.strokeStyle = css("--chart-text");
  ctx.lineWidth = ratio;
  ctx.beginPath();
  ctx.moveTo(held.bbox.left, zero);
  ctx.lineTo(held.bbox.left + held.bbox.width, zero);
  ctx.stroke();
  ctx.globalAlpha = 0.75;
  series.forEach(({ key }, index) => {
    ctx.fillStyle = css(`--chart-${key}`);
    x.forEach((at, place) => {
      for (const skill of dots[place][index]) {
        ctx.beginPath();
        ctx.arc(held.valToPos(at, "x", true), held.valToPos(skill, "y", true), DOT * ratio, 0, 2 * Math.PI);
        ctx.fill();
      }
    });
  });
  ctx.restore();
}

function options(box, chart, x, dots) {
  const { series, by } = chart;
  const all = dots.flat(2);
  const pad = Math.max(0.1 * (Math.max(0, ...all) - Math.min(0, ...all)), 0.05);
  const shown = (values) => values.map((value) => (Number.isInteger(value) ? String(value) : ""));
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: LEGEND,
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => [Math.round(x[0]) - 0.5, Math.round(x.at(-1)) + 0.5] },
      y: { range: () => [Math.min(0, ...all) - pad, Math.max(0, ...all) + pad] },
    },
    axes: [
      { ...axis(by), incrs: [1, 2, 5, 10], values: (_, splits) => shown(splits) },
      sideAxis("skill, %"),
    ],
    series: [
      { label: by, value: (_, value) => (value === null || value === undefined ? "point at the plot" : String(Math.round(value))) },
      ...series.map(({ key, label }) => ({
        label,
        stroke: css(`--chart-${key}`),
        width: by === "fold" ? 1.5 : 0,
        spanGaps: true,
        points: { show: false },
        value: (held, value, index, at) => pointed(held, value, index, at, percent),
      })),
    ],
    hooks: { draw: [(held) => drawDots(held, series, x, dots)] },
  };
}

function draw() {
  const box = document.getElementById("chart-group");
  const text = document.getElementById("group-chart").textContent;
  if (text === drawn && plot) return;
  drawn = text;
  plot?.destroy();
  plot = null;
  const chart = JSON.parse(text);
  const filled = chart.series.some(({ dots }) => dots.length);
  box.querySelector(".chart-empty").hidden = filled;
  if (!filled) return;
  const { data, dots } = columns(chart.series);
  plot = new uPlot(options(box, chart, data[0], dots), data, box);
}

draw();
document.addEventListener("htmx:after:swap", draw);
document.addEventListener("theme:changed", () => {
  drawn = "";
  draw();
});
new ResizeObserver(() => {
  const box = document.getElementById("chart-group");
  plot?.setSize({ width: box.clientWidth, height: HEIGHT });
}).observe(document.getElementById("chart-group"));
