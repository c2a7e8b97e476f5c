// A setting or score against another one: a mark per run, each a link to its page.
import { mark, scale, shorten, svg, text, tickText } from "./svg_plot.js";

const EDGE = { left: 62, right: 16, top: 10, bottom: 42 };

const numeric = (axes) => axes.filter(({ kind }) => kind === "number");
const known = (axis) => axis.values.filter((value) => value !== null);

export const titled = ({ label, unit }) => (unit ? `${label}, ${unit}` : label);

// The axes that a new link begins with: the first setting that differs, and a proper score.
export function usualAxes(axes) {
  const among = numeric(axes);
  const score = ["val_crps", "val_pinball", "val_rmse", "val_loss"].map((key) => among.find((axis) => axis.key === key)).find(Boolean);
  const setting = among.find((axis) => !axis.score && new Set(known(axis)).size > 1);
  const others = among.filter((axis) => axis !== score);
  return { sx: (setting ?? others[0])?.key ?? "", sy: (score ?? others[1])?.key ?? "" };
}

export function drawScatter(box, note, { runs, axes }, state) {
  const across = axes.find(({ key }) => key === state.sx);
  const up = axes.find(({ key }) => key === state.sy);
  box.replaceChildren();
  note.textContent = "";
  if (!across || !up) {
    note.textContent = "There is no number yet that the runs could be drawn by.";
    return;
  }
  const notes = [];
  const logs = { x: isLog(across, state.sxlog, notes), y: isLog(up, state.sylog, notes) };
  const drawn = runs
    .map((run, at) => ({ run, x: across.values[at], y: up.values[at] }))
    .filter(({ run, x, y }) => !state.hide.has(run.uid) && x !== null && y !== null);
  const hidden = runs.filter(({ uid }) => state.hide.has(uid)).length;
  const missing = runs.length - hidden - drawn.length;
  if (missing) notes.push(`${missing} run${missing > 1 ? "s have" : " has"} no value on one of the axes.`);
  note.textContent = notes.join(" ");
  if (!drawn.length) return;
  box.append(plotOf(box, drawn, across, up, logs));
}

function isLog(axis, wanted, notes) {
  if (!wanted) return false;
  if (known(axis).every((value) => value > 0)) return true;
  notes.push(`${axis.label} is not above zero everywhere, so that its scale stays linear.`);
  return false;
}

function plotOf(box, drawn, across, up, logs) {
  const [width, height] = [box.clientWidth, box.clientHeight];
  const [right, bottom] = [width - EDGE.right, height - EDGE.bottom];
  const x = scale(drawn.map((one) => one.x), EDGE.left, right, logs.x);
  const y = scale(drawn.map((one) => one.y), bottom, EDGE.top, logs.y);
  const plot = svg("svg", { width, height, role: "group", "aria-label": `${titled(up)} over ${titled(across)}, a mark per run` });
  for (const [at, words] of x.ticks) {
    const place = x.place(at);
    plot.append(svg("line", { class: "grid", x1: place, x2: place, y1: EDGE.top, y2: bottom }), text(words, { x: place, y: bottom + 16, "text-anchor": "middle" }));
  }
  for (const [at, words] of y.ticks) {
    const place = y.place(at);
    plot.append(svg("line", { class: "grid", x1: EDGE.left, x2: right, y1: place, y2: place }), text(words, { x: EDGE.left - 8, y: place + 4, "text-anchor": "end" }));
  }
  plot.append(
    text(titled(across), { x: (EDGE.left + right) / 2, y: height - 6, "text-anchor": "middle" }),
    text(shorten(titled(up), Math.floor(height / 7)), { x: 0, y: 0, transform: `translate(12 ${(EDGE.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }),
  );
  for (const { run, x: atX, y: atY } of drawn) {
    const link = svg("a", { href: `/runs/${run.uid}`, class: `hue-${run.hue}`, "data-run": run.uid, "aria-label": `${run.name}: ${across.label} ${tickText(atX)}, ${up.label} ${tickText(atY)}` });
    link.append(svg("title", {}, `${run.name}\n${titled(across)}: ${tickText(atX)}\n${titled(up)}: ${tickText(atY)}`), mark(run, x.place(atX), y.place(atY)));
    plot.append(link);
  }
  return plot;
}
