// What small plots in SVG share: elements, scales with round ticks, and a mark per run.
import { compact, ticks } from "./plot_style.js";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// From a number to a place between two pixels, with ticks: linear, or by powers of ten.
export function scale(values, from, to, log) {
  const on = log ? Math.log10 : (value) => value;
  let low = Math.min(...values.map(on));
  let high = Math.max(...values.map(on));
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.05, high + (Math.abs(high) || 1) * 0.05];
  const pad = (high - low) * 0.06;
  low -= pad;
  high += pad;
  return {
    place: (value) => from + ((on(value) - low) / (high - low)) * (to - from),
    value: (place) => {
      const at = low + ((place - from) / (to - from)) * (high - low);
      return log ? 10 ** at : at;
    },
    ticks: labelled(log ? logTicks(low, high) : linearTicks(low, high)),
  };
}

// Each tick as [value, text].
function labelled(values) {
  const texts = ticks(values);
  return values.map((value, at) => [value, texts[at]]);
}

export function linearTicks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return ticks;
}

export function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const first of [1, 2, 5]) ticks.push(first * 10 ** power);
  }
  return ticks.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
}

export const tickText = (value) => compact(Number(value.toPrecision(6)));

// The shape that stands for a run beside its colour.
export function mark({ dash }, x, y, size = 5) {
  if (dash === 0) return svg("circle", { class: "point", cx: x, cy: y, r: size });
  if (dash === 1) return svg("rect", { class: "point", x: x - size, y: y - size, width: 2 * size, height: 2 * size });
  const tall = size * 1.2;
  return svg("path", { class: "point", d: `M${x} ${y - tall}L${x + tall} ${y + size}L${x - tall} ${y + size}Z` });
}

export function text(content, attributes) {
  return svg("text", attributes, document.createTextNode(content));
}

export const shorten = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);
