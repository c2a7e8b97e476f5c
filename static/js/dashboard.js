// Wires one run's page: charts from the data in the page, then the socket that adds to everything.
import { startCharts } from "./charts.js";
import { startConsole } from "./console.js";
import { startLogReader } from "./log_reader.js";
import { startLive } from "./live.js";
import { stepThroughList } from "./run_list.js";

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function durationText(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  const index = UNITS.findIndex(([, length]) => whole >= length);
  if (index < 0) return "0 s";
  const [unit, length] = UNITS[index];
  const next = UNITS[index + 1];
  const rest = next ? Math.floor((whole % length) / next[1]) : 0;
  const first = `${Math.floor(whole / length)} ${unit}`;
  return rest ? `${first} ${rest} ${next[0]}` : first;
}

setInterval(() => {
  const element = document.querySelector("[data-running]:not([data-stopped])");
  if (!element) return;
  const since = (Date.now() - Date.parse(element.dataset.running)) / 1000;
  element.textContent = durationText(since);
}, 1000);

stepThroughList();
const root = document.getElementById("live");
const onPoints = startCharts(JSON.parse(document.getElementById("chart-facts").textContent));
const log = startConsole();
startLogReader(root.dataset.uid, log);
startLive(root, (batch) => {
  onPoints(batch.points);
  if (batch.points?.back) document.getElementById("panel-environment").dispatchEvent(new Event("fit-started"));
  log.update();
});
