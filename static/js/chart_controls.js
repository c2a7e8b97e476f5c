// What a reader can do with the charts: axis, smoothing, log scale, which charts, zoom by keys and
// wheel, full size, files. Choices are remembered: those for all runs in the browser, the part of a
// curve that is shown in the address.
import { saveCsv, savePng } from "./save_plot.js";

const STEP = 0.2;
const HASH = /^#view:/;

export function startControls(uid, charts, state, { changed, zoomed }) {
  const bar = document.getElementById("chart-controls");
  const { choices, keep } = window.chartStart;
  const chosen = choices.charts;
  const axis = bar.elements.axis;
  const smooth = bar.elements.smooth;
  const log = bar.elements.log;
  const reset = document.getElementById("chart-reset");
  const epoch = [...axis].find(({ value }) => value === "epoch");

  const column = (chart) => chart.box.closest("[data-chart]");
  const box = (chart) => bar.querySelector(`[data-show="${CSS.escape(chart.spec.key)}"]`);

  function remember() {
    keep({ ...state.settings, charts: chosen });
    const parts = [`axis=${state.settings.axis}`];
    for (const [name, range] of Object.entries(state.zooms)) if (range) parts.push(`${name}=${range.join("~")}`);
    const moved = parts.length > 1 || HASH.test(location.hash);
    if (moved) history.replaceState(history.state, "", parts.length > 1 ? `#view:${parts.join("&")}` : location.pathname + location.search);
  }

  function tell() {
    reset.hidden = !Object.values(state.zooms).some(Boolean);
    remember();
  }

  function show(chart, shown) {
    column(chart).hidden = !shown;
    box(chart).checked = shown;
  }

  function begin() {
    Object.assign(state.settings, { axis: choices.axis, smooth: choices.smooth, log: choices.log });
    if (HASH.test(location.hash)) {
      const view = new URLSearchParams(location.hash.replace(HASH, ""));
      if (view.get("axis") in state.zooms) state.settings.axis = view.get("axis");
      for (const name of Object.keys(state.zooms)) {
        const range = (view.get(name) ?? "").split("~").map(Number);
        if (range.length === 2 && range.every(Number.isFinite) && range[0] < range[1]) state.zooms[name] = range;
      }
    }
    axis.value = state.settings.axis;
    smooth.value = state.settings.smooth;
    log.checked = state.settings.log;
    smooth.nextElementSibling.value = Number(smooth.value) ? Number(smooth.value).toFixed(2) : "off";
    epoch.disabled = !state.stepsPerEpoch;
    reset.hidden = !Object.values(state.zooms).some(Boolean);
    for (const chart of charts) if (chart.spec.key in chosen) show(chart, chosen[chart.spec.key]);
  }

  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", ({ target }) => {
    if (target.dataset.show) {
      chosen[target.dataset.show] = target.checked;
      show(charts.find(({ spec }) => spec.key === target.dataset.show), target.checked);
      return remember();
    }
    const before = { ...state.settings };
    Object.assign(state.settings, { axis: axis.value, smooth: Number(smooth.value), log: log.checked });
    smooth.nextElementSibling.value = Number(smooth.value) ? Number(smooth.value).toFixed(2) : "off";
    // The means that are smoothed are read when somebody wants them.
    changed(before.axis !== state.settings.axis || (!before.smooth && state.settings.smooth > 0));
    tell();
  });
  reset.addEventListener("click", () => {
    for (const chart of charts) if (chart.zoom) zoomed(chart, null);
    tell();
  });

  // Part of the range to the left or right, or nearer and further around a place.
  function shift(chart, share) {
    const { min, max } = chart.plot.scales.x;
    zoomed(chart, [min + share * (max - min), max + share * (max - min)]);
  }
  function scale(chart, factor, around = 0.5) {
    const { min, max } = chart.plot.scales.x;
    const centre = min + around * (max - min);
    zoomed(chart, [centre - (centre - min) * factor, centre + (max - centre) * factor]);
  }

  const KEYS = {
    ArrowLeft: (chart) => shift(chart, -STEP),
    ArrowRight: (chart) => shift(chart, STEP),
    "+": (chart) => scale(chart, 1 - STEP),
    "=": (chart) => scale(chart, 1 - STEP),
    "-": (chart) => scale(chart, 1 / (1 - STEP)),
    0: (chart) => zoomed(chart, null),
  };
  for (const chart of charts) {
    chart.box.addEventListener("keydown", (event) => {
      if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey || !chart.plot) return;
      event.preventDefault();
      KEYS[event.key](chart);
    });
    chart.box.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !chart.plot) return;
      event.preventDefault();
      const area = chart.plot.over.getBoundingClientRect();
      const around = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
      scale(chart, event.deltaY < 0 ? 1 - STEP : 1 / (1 - STEP), around);
    }, { passive: false });
    // With the shift key the drag moves the curve instead of choosing a part of it.
    chart.box.addEventListener("mousedown", (event) => {
      if (!event.shiftKey || !chart.plot) return;
      event.preventDefault();
      event.stopPropagation();
      const { min, max } = chart.plot.scales.x;
      const perPixel = (max - min) / chart.plot.over.clientWidth;
      const move = ({ clientX }) => {
        const by = (event.clientX - clientX) * perPixel;
        zoomed(chart, [min + by, max + by]);
      };
      addEventListener("mousemove", move);
      addEventListener("mouseup", () => removeEventListener("mousemove", move), { once: true });
    }, { capture: true });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-do]");
    if (!button) return;
    const chart = charts.find(({ card }) => card.contains(button));
    const name = `${uid}-${chart.spec.key}`;
    if (button.dataset.chartDo === "full") {
      if (document.fullscreenElement) document.exitFullscreen();
      else chart.card.requestFullscreen();
    } else if (chart.plot && button.dataset.chartDo === "png") {
      savePng(name, chart.card.querySelector(".card-title").textContent, chart.plot, {});
    } else if (chart.plot) saveCsv(name, chart.table());
    button.closest("details")?.removeAttribute("open");
  });
  document.addEventListener("fullscreenchange", () => {
    for (const chart of charts) chart.resize();
    changed(true);
  });

  begin();
  return {
    tell,
    // A figure that was never reported before: its chart has something to show now.
    offer(chart) {
      epoch.disabled = !state.stepsPerEpoch;
      if (column(chart).hidden && chart.spec.shown_when_known && !(chart.spec.key in chosen)) show(chart, true);
    },
  };
}
