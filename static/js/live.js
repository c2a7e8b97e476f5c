// One socket per dashboard. Its messages are the page's own panels as HTML (see live/fragments.py).
// The shipped ws extension cannot change its address when it reconnects, and the address must carry
// the newest seq, so that nothing is missed and nothing comes twice. Hence this small client; the
// swapping is htmx's. While there is no socket, the same HTML is asked for every four seconds.
const POLL_MS = 4000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15000;
// The page knows a later event than the server: its database was put back to an earlier state.
const BEYOND_END = 4416;
const BEYOND_END_HTTP = 416;
const RELOAD_MS = 60000;

function reload(address) {
  const key = `reloaded ${address}`;
  if (Date.now() - Number(sessionStorage.getItem(key)) < RELOAD_MS) return;
  sessionStorage.setItem(key, Date.now());
  location.reload();
}

export function startLive(root, onBatch) {
  const indicator = document.getElementById("live-state");
  const state = { seq: Number(root.dataset.seq), final: root.dataset.final === "yes" };
  const address = `/runs/${root.dataset.uid}`;
  let socket = null;
  let delay = FIRST_DELAY_MS;
  let queue = Promise.resolve();
  let leaving = false;

  const show = (name, text) => {
    if (indicator.dataset.state === name) return;
    indicator.dataset.state = name;
    indicator.textContent = text;
  };

  async function take(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const batch = holder.content.getElementById("live-batch");
    if (!batch) return;
    const seq = Number(batch.dataset.seq);
    if (seq <= state.seq) return;
    // A poll that was under way when the socket came back may have brought some of it already.
    for (const line of holder.content.querySelectorAll(".log-line[data-seq]")) {
      if (Number(line.dataset.seq) <= state.seq) line.remove();
    }
    state.seq = seq;
    batch.remove();
    const text = holder.innerHTML;
    await htmx.swap({ sourceElement: root, target: root, swap: "none", text });
    onBatch({
      points: batch.dataset.points ? JSON.parse(batch.dataset.points) : null,
    });
    state.final = batch.dataset.final === "yes";
  }

  // In order and one after another: a swap is asynchronous.
  const enqueue = (html) => (queue = queue.then(() => take(html)));

  function connect() {
    if (leaving || socket) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const opened = new WebSocket(
      `${scheme}//${location.host}${address}/stream?format=html&after=${state.seq}`,
    );
    socket = opened;
    opened.addEventListener("open", () => {
      delay = FIRST_DELAY_MS;
      show("live", "● Live");
    });
    opened.addEventListener("message", (event) => enqueue(event.data));
    opened.addEventListener("close", ({ code }) => {
      socket = null;
      if (leaving) return;
      if (code === BEYOND_END) reload(address);
      queue.then(() => {
        if (state.final) return show("ended", "");
        if (indicator.dataset.state !== "polling") show("disconnected", "○ Disconnected");
        setTimeout(connect, delay * (0.7 + 0.6 * Math.random()));
        delay = Math.min(delay * 2, MAX_DELAY_MS);
      });
    });
  }

  // The run was deleted for good meanwhile: say so, and offer nothing more.
  function gone() {
    state.final = true;
    show("ended", "");
    document.getElementById("run-gone").hidden = false;
    for (const button of document.querySelectorAll("#run-header button")) button.disabled = true;
  }

  // A run that has ended has no socket, but may have been trashed, restored or resumed elsewhere.
  async function lookAgain() {
    const answer = await fetch(`${address}/live?after=${state.seq}`, {
      headers: { Accept: "text/html", "HX-Request": "true" },
    }).catch(() => null);
    if (answer?.ok) await enqueue(await answer.text());
    if (answer?.status === 404) gone();
    if (!state.final) connect();
  }

  async function poll() {
    if (state.final || leaving || socket?.readyState === WebSocket.OPEN) return;
    try {
      const answer = await fetch(`${address}/live?after=${state.seq}`, {
        headers: { Accept: "text/html", "HX-Request": "true" },
      });
      if (answer.status === BEYOND_END_HTTP) reload(address);
      if (answer.ok) {
        await enqueue(await answer.text());
        // Without the broker the server takes no socket, and answers all the same.
        if (socket?.readyState !== WebSocket.OPEN) show("polling", "○ Updated every 4 s");
      } else show("disconnected", "○ Disconnected");
      if (answer.status === 404) gone();
    } catch {
      show("disconnected", "○ Disconnected"); // the server is away; the next tick asks again
    }
    if (state.final) show("ended", "");
  }

  addEventListener("pagehide", () => {
    leaving = true;
    socket?.close(1000);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = false;
    socket = null;
    if (!state.final) connect();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (state.final) lookAgain();
    else if (!socket) connect();
  });
  setInterval(poll, POLL_MS);
  if (!state.final) connect();
}
