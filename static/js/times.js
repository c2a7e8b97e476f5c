// Keeps every <time data-ago> current, and shows the local time beside UTC on hover. One that is older
// than its data-expected seconds is late.
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function agoText(seconds) {
  if (seconds < 2) return "just now";
  const [unit, length] = UNITS.find(([, length]) => seconds >= length);
  return `${Math.floor(seconds / length)} ${unit} ago`;
}

function refresh() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const at = Date.parse(element.dateTime);
    if (Number.isNaN(at)) continue;
    const seconds = Math.max(now - at, 0) / 1000;
    if (element.dataset.expected) element.classList.toggle("late", seconds > Number(element.dataset.expected));
    const text = agoText(seconds);
    if (element.textContent !== text) element.textContent = text;
  }
}

document.addEventListener("pointerover", (event) => {
  const element = event.target.closest?.("time[datetime]");
  if (!element || element.dataset.local || !element.title) return;
  const local = new Date(element.dateTime).toLocaleString();
  element.title = `${element.title}\n${local} local`;
  element.dataset.local = "shown";
});
setInterval(refresh, 1000);
