// What the charts of a run begin with: a reader's choices, and the points of the first chart. Those are
// asked for while the page is still being read, so that the server finds them while the browser lays
// the page out. No module, since modules wait for the whole page.
{
  const KEY = "aistempre charts";
  const WIDEST = 602; // of two charts side by side; what this window gives is known only once all is laid out
  const { metrics, points, final } = document.currentScript.dataset;

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      return {};
    }
  }

  const choices = { axis: "step", smooth: 0, log: false, charts: {}, ...stored() };

  async function ask() {
    const width = Math.min(Math.ceil(Math.min(screen.width, WIDEST) * devicePixelRatio), 4000);
    const query = new URLSearchParams([["axis", "step"], ...metrics.split(" ").map((metric) => ["metric", metric]), ["width", width]]);
    const answer = await fetch(`${points}?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  // A run that has ended begins with its verdict: its charts are seen at first only where the address
  // leads to one. Asked for only as nearly every reader sees them: whole, by step, as they are.
  const seen = location.hash ? location.hash.startsWith("#chart-") : final !== "yes";
  let early = seen && choices.axis === "step" && !choices.smooth ? ask() : null;
  early?.catch(() => {}); // who takes it hears of it, too

  window.chartStart = {
    choices,
    keep: (changed) => localStorage.setItem(KEY, JSON.stringify(changed)),
    // The answer on its way, where it is what this chart needs. Only once: it grows old.
    take(chart) {
      const mine = metrics === chart.metrics.join(" ") && chart.axis === "step" && !chart.zoom ? early : null;
      early = null;
      return mine;
    },
  };
}
