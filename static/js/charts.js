// All charts of a run: what they share (settings, zoom, crosshair), and how their points come. A chart
// reads its curves when it comes into view, and what happens afterwards is added to them. The first of
// those in view at first is read alone, so that it is drawn before the others' points come.
import { Chart } from "./chart.js";
import { MAX_APPENDED, append, curveOf, emptyCurve } from "./curve_data.js";
import { startControls } from "./chart_controls.js";

const AGAIN_MS = 150;
const NEAR_PX = 400;

// The browser goes to the part that the address names only when the page is complete.
function inViewAtFirst(box) {
  const place = document.getElementById(location.hash.slice(1));
  const start = place ? place.getBoundingClientRect().top : 0;
  const { top, bottom, width } = box.getBoundingClientRect();
  return width > 0 && bottom > start - NEAR_PX && top < start + innerHeight + NEAR_PX;
}

export function startCharts(facts) {
  const state = {
    curves: new Map(),
    settings: { axis: "step", smooth: 0, log: false },
    zooms: { step: null, epoch: null, time: null },
    baselines: facts.baselines,
    names: facts.names,
    stepsPerEpoch: facts.steps_per_epoch,
  };
  const charts = facts.charts.map((spec) => new Chart(spec, state, zoomed));
  const wanted = new Set(charts.flatMap(({ metrics }) => metrics)); // read as soon as their chart is in view
  const asked = new Map(); // the newest question for each metric, by its number
  let turn = 0;
  let timer = null;
  let frame = 0;

  function draw() {
    frame = 0;
    for (const chart of charts) if (chart.visible && chart.stale && chart.answered) chart.draw();
  }

  // One drawing per frame, however many batches arrive.
  function redraw(some = charts) {
    for (const chart of some) chart.stale = true;
    frame ||= requestAnimationFrame(draw);
  }

  async function read(axis, metrics, width) {
    const query = new URLSearchParams(metrics.map((metric) => ["metric", metric]));
    query.set("axis", axis);
    query.set("width", Math.max(Math.min(Math.round(width), 4000), 10));
    if (state.settings.smooth) query.set("means", "true");
    const zoom = state.zooms[axis];
    const unit = axis === "time" ? 1000 : 1;
    if (zoom) {
      query.set("from", zoom[0] * unit);
      query.set("to", zoom[1] * unit);
    }
    const answer = await fetch(`/runs/${facts.uid}/points?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  const wants = ({ visible, metrics }) => visible && metrics.some((metric) => wanted.has(metric));

  // Each axis in one request for all its metrics.
  function readWanted() {
    timer = null;
    const groups = Map.groupBy(charts.filter(wants), ({ axis }) => axis);
    for (const [axis, members] of groups) readGroup(axis, members);
  }

  async function readGroup(axis, members, early = null) {
    const number = (turn += 1);
    const metrics = [...new Set(members.flatMap((chart) => chart.metrics))];
    for (const metric of metrics) {
      wanted.delete(metric);
      asked.set(metric, number);
    }
    const width = Math.max(...members.map((chart) => chart.width)) * devicePixelRatio;
    try {
      const answer = await (early ?? read(axis, metrics, width));
      state.stepsPerEpoch = answer.steps_per_epoch;
      for (const curve of answer.curves) {
        if (asked.get(curve.metric) === number) keep(curve, answer.last_seq);
      }
      for (const chart of members) chart.card.dataset.read = "yes";
    } catch {
      for (const metric of metrics) wanted.add(metric); // the server is away: later
      setTimeout(ask, 4000, []);
    }
    for (const chart of members) chart.answered = true;
    // The first time at once: frames are slow while a page is new.
    const fresh = members.filter(({ visible, plot }) => visible && !plot);
    redraw(members.filter((chart) => !fresh.includes(chart)));
    for (const chart of fresh) chart.draw();
  }

  // Live points that came while the answer was on its way are newer than it.
  function keep(answer, seq) {
    const before = state.curves.get(answer.metric);
    const curve = curveOf(answer, seq);
    for (const [number, ...point] of before?.late ?? []) append(curve, number, ...point);
    state.curves.set(answer.metric, curve);
  }

  function ask(some, wait = 0) {
    for (const chart of some) for (const metric of chart.metrics) wanted.add(metric);
    if (timer) clearTimeout(timer);
    timer = setTimeout(readWanted, wait);
  }

  // Not put off again by the points that follow, or a fast run would never be thinned.
  function askSoon(some) {
    for (const chart of some) for (const metric of chart.metrics) wanted.add(metric);
    timer ??= setTimeout(readWanted, AGAIN_MS);
  }

  function zoomed(chart, range) {
    state.zooms[chart.axis] = range;
    const same = charts.filter(({ axis }) => axis === chart.axis);
    for (const one of same) {
      if (one.plot) one.plot.setData(one.plot.data);
    }
    controls.tell();
    ask(same, AGAIN_MS);
  }

  function addPoint(touched, [seq, step, time, values]) {
    const at = Date.parse(time);
    for (const [metric, value] of Object.entries(values)) {
      const curve = state.curves.get(metric) ?? emptyCurve();
      state.curves.set(metric, curve);
      (curve.late ??= []).push([seq, step, at, value]);
      if (curve.late.length > MAX_APPENDED) curve.late.shift();
      if (curve.read) append(curve, seq, step, at, value);
      touched.add(metric);
    }
  }

  function add(batch) {
    if (!batch) return;
    Object.assign(state.baselines, batch.baselines);
    if (batch.steps_per_epoch) state.stepsPerEpoch = batch.steps_per_epoch;
    const touched = new Set();
    for (const point of batch.points) addPoint(touched, point);
    const some = charts.filter(({ metrics }) => metrics.some((metric) => touched.has(metric)));
    const full = some.filter(({ curves }) => curves.some(({ appended }) => appended > MAX_APPENDED));
    if (batch.back) askSoon(charts);
    else if (full.length) askSoon(full);
    for (const chart of some) controls.offer(chart);
    redraw(batch.baselines ? charts : some);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const chart = charts.find(({ box }) => box === target);
      chart.visible = isIntersecting && target.clientWidth > 0;
    }
    if (charts.some(wants)) ask([]);
    redraw([]);
  }, { rootMargin: `${NEAR_PX}px` });
  const resizer = new ResizeObserver(() => charts.forEach((chart) => chart.resize()));
  const controls = startControls(facts.uid, charts, state, {
    changed(reread) {
      redraw();
      if (reread) ask(charts);
    },
    zoomed,
  });
  for (const chart of charts) chart.visible = inViewAtFirst(chart.box);
  const first = charts.find(wants);
  if (first) readGroup(first.axis, [first], window.chartStart.take(first)).then(readWanted);
  for (const { box } of charts) {
    observer.observe(box);
    resizer.observe(box);
  }
  document.addEventListener("theme:changed", () => {
    for (const chart of charts) chart.remove();
    redraw();
  });
  return add;
}
