// Parallel coordinates: an axis for each setting that differs and one for a score; a line per run.
// Dragging along an axis keeps the runs that pass there; what is kept is also said in words.
import { titled } from "./compare_scatter.js";
import { mark, scale, shorten, svg, text } from "./svg_plot.js";

const EDGE = { side: 70, top: 46, bottom: 18 };
const LEAST_GAP = 100; // pixels between two axes; more axes than fit are scrolled
const GRIP = 34;
const LETTER = 6.2; // pixels

export function usualScore(axes) {
  const scores = axes.filter(({ score }) => score);
  return (["val_crps", "val_pinball", "val_rmse", "val_loss"].map((key) => scores.find((axis) => axis.key === key)).find(Boolean) ?? scores[0])?.key ?? "";
}

export class Parallel {
  constructor(box, note, clear, { runs, axes }, onBrush) {
    Object.assign(this, { box, note, clear, runs, axes, onBrush });
    clear.addEventListener("click", () => onBrush(new Map()));
  }

  draw(state) {
    this.state = state;
    const score = this.axes.find(({ key }) => key === state.score);
    const settings = this.axes.filter((axis) => !axis.score && new Set(axis.values.filter((value) => value !== null)).size > 1);
    this.box.replaceChildren();
    this.clear.hidden = !state.brushes.size;
    if (!score || !settings.length) {
      this.note.textContent = score ? "The runs have the same settings, so that there is nothing to hold against the score." : "None of the runs has a score yet.";
      return;
    }
    const drawn = [...settings, score];
    const side = Math.min(EDGE.side, this.box.clientWidth / 6);
    const width = Math.max(this.box.clientWidth, 2 * side + LEAST_GAP * (drawn.length - 1));
    const height = this.box.clientHeight - 14;
    const step = (width - 2 * side) / (drawn.length - 1);
    this.letters = Math.floor(Math.min(step, 2 * side) / LETTER); // of a name above its axis
    this.placed = drawn.map((axis, at) => ({ axis, x: side + step * at, ...scaleOf(axis, height) }));
    const plot = svg("svg", { width, height, role: "group", "aria-label": `A line per run over ${drawn.map(({ label }) => label).join(", ")}; the same is in the tables` });
    this.runs.forEach((run, at) => {
      if (!state.hide.has(run.uid)) plot.append(this.line(run, at));
    });
    for (const placed of this.placed) plot.append(this.axis(placed, height));
    this.box.append(plot);
    this.say();
  }

  // A gap where the run has no value; a mark on every axis that it passes.
  line(run, at) {
    const group = svg("a", { href: `/runs/${run.uid}`, class: `hue-${run.hue} dash-${run.dash}`, "data-run": run.uid, "aria-label": run.name });
    const parts = [];
    let open = false;
    for (const { axis, x, place } of this.placed) {
      const value = axis.values[at];
      if (value === null) {
        open = false;
        continue;
      }
      parts.push(`${open ? "L" : "M"}${x} ${place(value)}`);
      open = true;
      group.append(mark(run, x, place(value), 3.5));
    }
    group.prepend(svg("title", {}, run.name), svg("path", { class: "line", d: parts.join("") }));
    group.toggleAttribute("data-out", !this.passes(at));
    return group;
  }

  axis({ axis, x, ticks, place }, height) {
    const group = svg("g");
    const words = titled(axis);
    group.append(svg("title", {}, words), svg("line", { class: "axis", x1: x, x2: x, y1: EDGE.top, y2: height - EDGE.bottom }), text(shorten(words, this.letters), { x, y: EDGE.top - 26, "text-anchor": "middle" }));
    for (const [label, at] of ticks) group.append(text(shorten(label, 16), { x: x + 8, y: at + 4 }));
    const brush = this.state.brushes.get(axis.key);
    if (brush) {
      const [a, b] = brush.map((value) => (axis.kind === "number" ? place(value) : EDGE.top + value * (height - EDGE.top - EDGE.bottom)));
      group.append(svg("rect", { class: "brush", x: x - 8, width: 16, y: Math.min(a, b), height: Math.abs(a - b) }));
    }
    const grip = svg("rect", { class: "grip", x: x - GRIP / 2, width: GRIP, y: EDGE.top, height: height - EDGE.top - EDGE.bottom });
    grip.addEventListener("pointerdown", (event) => this.drag(event, axis, height, grip));
    group.append(grip);
    return group;
  }

  drag(event, axis, height, grip) {
    const box = grip.ownerSVGElement.getBoundingClientRect();
    const at = (one) => Math.min(Math.max(one.clientY - box.top, EDGE.top), height - EDGE.bottom);
    const from = at(event);
    const shade = svg("rect", { class: "brush", x: Number(grip.getAttribute("x")) + GRIP / 2 - 8, width: 16, y: from, height: 0 });
    grip.before(shade);
    grip.setPointerCapture(event.pointerId);
    event.preventDefault();
    const move = (one) => {
      shade.setAttribute("y", Math.min(from, at(one)));
      shade.setAttribute("height", Math.abs(from - at(one)));
    };
    const end = (one) => {
      grip.removeEventListener("pointermove", move);
      const brushes = new Map(this.state.brushes);
      const ends = [from, at(one)].sort((a, b) => b - a);
      if (ends[0] - ends[1] < 4) brushes.delete(axis.key); // a click takes the brush back
      else brushes.set(axis.key, ends.map((place) => this.valueAt(axis, place, height)));
      this.onBrush(brushes);
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", end, { once: true });
  }

  // In the unit of the axis; of words, the share of the axis from its top.
  valueAt(axis, place, height) {
    const placed = this.placed.find((one) => one.axis === axis);
    const value = axis.kind === "number" ? placed.value(place) : (place - EDGE.top) / (height - EDGE.top - EDGE.bottom);
    return Number(value.toPrecision(5));
  }

  passes(at) {
    return this.placed.every(({ axis, place }) => {
      const brush = this.state.brushes.get(axis.key);
      if (!brush) return true;
      const value = axis.values[at];
      if (value === null) return false;
      const height = this.box.clientHeight - 14;
      const shown = axis.kind === "number" ? value : (place(value) - EDGE.top) / (height - EDGE.top - EDGE.bottom);
      return shown >= Math.min(...brush) && shown <= Math.max(...brush);
    });
  }

  say() {
    const shown = this.runs.map((run, at) => ({ run, at })).filter(({ run }) => !this.state.hide.has(run.uid));
    const kept = shown.filter(({ at }) => this.passes(at));
    this.note.textContent = this.placed.some(({ axis }) => this.state.brushes.has(axis.key))
      ? `${kept.length} of ${shown.length} runs pass the filter${kept.length ? `: ${kept.map(({ run }) => run.name).join(", ")}` : ""}.`
      : "Drag along an axis to keep the runs that pass there; the tables above say the same in words.";
  }
}

function scaleOf(axis, height) {
  const known = axis.values.filter((value) => value !== null);
  const [bottom, top] = [height - EDGE.bottom, EDGE.top];
  if (axis.kind === "number") {
    const found = scale(known, bottom, top, wide(known));
    return { ...found, ticks: found.ticks.map(([value, words]) => [words, found.place(value)]) };
  }
  const words = [...new Set(known)].sort();
  const place = (word) => top + ((words.indexOf(word) + 0.5) / words.length) * (bottom - top);
  return { place, ticks: words.map((word) => [word, place(word)]) };
}

// Learning rates and widths spread over powers of ten are read by powers of ten.
const wide = (known) => known.every((value) => value > 0) && Math.max(...known) / Math.min(...known) >= 20;
