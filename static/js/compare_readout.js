// What every run has under the pointer, and which run is meant: in the list beside the charts, in a
// box inside the chart where the list is out of sight, and in the heads of the tables.
const NARROW = matchMedia("(max-width: 991.98px)");

function written(at, xAxis) {
  if (xAxis === "step") return `at step ${Math.round(at).toLocaleString("en")}`;
  return xAxis === "epoch" ? `at epoch ${at.toFixed(2)}` : `after ${at.toFixed(1)} min`;
}

export class Readout {
  constructor(runs, onLight) {
    this.runs = runs;
    this.onLight = onLight;
    this.lit = null;
    this.at = document.getElementById("readout-at");
    this.idle = this.at.textContent;
    this.keys = document.getElementById("run-keys");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.setAttribute("aria-hidden", "true");
    for (const type of ["mouseover", "focusin"]) this.keys.addEventListener(type, (event) => this.light(event.target.closest("[data-run]")?.dataset.run ?? null));
    for (const type of ["mouseleave", "focusout"]) this.keys.addEventListener(type, () => this.light(null));
  }

  light(uid) {
    if (uid === this.lit) return;
    this.lit = uid;
    for (const element of document.querySelectorAll("[data-run]")) element.toggleAttribute("data-lit", element.dataset.run === uid);
    this.onLight(uid);
  }

  show(point, xAxis) {
    this.light(point?.nearest ?? null);
    this.at.textContent = point ? `${point.chart.label}, ${written(point.at, xAxis)}` : this.idle;
    for (const row of this.keys.children) {
      const value = point?.values.get(row.dataset.run);
      row.querySelector("[data-readout]").textContent = value === undefined ? "" : point.chart.text(value);
    }
    if (!point || !NARROW.matches) return this.tip.remove();
    return this.fillTip(point, xAxis);
  }

  fillTip({ chart, at, left, values, nearest }, xAxis) {
    const head = document.createElement("div");
    head.textContent = written(at, xAxis);
    const rows = [...values].sort(([, a], [, b]) => a - b).map(([uid, value]) => {
      const row = document.createElement("div");
      row.toggleAttribute("data-lit", uid === nearest);
      const key = this.keys.querySelector(`[data-run="${uid}"] .run-key`).cloneNode(true);
      const name = document.createElement("span");
      name.className = "tip-name";
      name.textContent = this.runs.find((run) => run.uid === uid).name;
      const number = document.createElement("span");
      number.className = "num";
      number.textContent = chart.text(value);
      row.append(key, name, number);
      return row;
    });
    this.tip.replaceChildren(head, ...rows);
    const right = left > chart.box.clientWidth / 2;
    this.tip.style.insetInlineStart = right ? "3.75rem" : "auto";
    this.tip.style.insetInlineEnd = right ? "auto" : ".25rem";
    chart.box.append(this.tip);
  }
}
