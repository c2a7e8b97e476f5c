// Reading the log: search over all of it, levels, any line by its number, wrapping, numbers. The page
// holds one part of the log at a time; scrolling to an end of it brings the next part.
const MAX_LINES = 900;
const EDGE_PX = 120;
const PARTS = 400; // parts that one search looks through before it asks to go on

export function startLogReader(uid, log) {
  const box = document.getElementById("console");
  const lines = document.getElementById("console-lines");
  const form = document.getElementById("log-search");
  const told = document.getElementById("log-told");
  const jump = document.getElementById("console-jump");
  const { q, level, wrap, numbers } = form.elements;
  const address = `/runs/${uid}/log`;
  let hits = [];
  let current = -1;
  let turn = 0;
  let busy = false;

  const say = (text) => {
    told.textContent = text;
  };

  async function get(path, query) {
    const answer = await fetch(`${path}?${new URLSearchParams(query)}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status < 500 ? await answer.text() : "The server does not answer.");
    return answer;
  }

  async function part(query) {
    const holder = document.createElement("template");
    holder.innerHTML = await (await get(address, { level: level.value, ...query })).text();
    return [...holder.content.children];
  }

  const placeOf = (line) => `${line.dataset.seq}.${line.dataset.place}`;
  const after = (line) => `${line.dataset.seq}.${Number(line.dataset.place) + 1}`;
  const numbered = () => [...lines.querySelectorAll(".log-line[data-seq]")];

  function mark(line) {
    for (const old of lines.querySelectorAll(".log-found")) old.classList.remove("log-found");
    line?.classList.add("log-found");
    if (line) box.scrollTop = line.offsetTop - box.clientHeight / 2;
  }

  // The part of the log around a line, by a query of one place.
  async function show(query, find) {
    try {
      const found = await part(query);
      lines.replaceChildren(...found);
      log.hold();
      mark(find ? lines.querySelector(find) : null);
    } catch (error) {
      say(error.message);
    }
  }

  async function newest() {
    const found = await part({}).catch((error) => say(error.message));
    if (!found) return;
    lines.replaceChildren(...found);
    if (level.value) {
      log.hold();
      box.scrollTop = box.scrollHeight;
    } else log.release();
  }

  box.addEventListener("scroll", async () => {
    const known = numbered();
    if (busy || !known.length) return;
    const up = box.scrollTop < EDGE_PX && (log.held || lines.querySelector(".log-gap"));
    const down = log.held && box.scrollHeight - box.scrollTop - box.clientHeight < EDGE_PX;
    if (!up && !down) return;
    busy = true;
    try {
      if (up) {
        const found = await part({ before: placeOf(known[0]) });
        if (found.length) {
          for (const gap of lines.querySelectorAll(".log-gap")) gap.remove();
          const height = box.scrollHeight;
          lines.prepend(...found);
          box.scrollTop += box.scrollHeight - height;
          log.hold();
          for (const line of numbered().slice(MAX_LINES)) line.remove();
        } else lines.querySelector(".log-gap")?.remove();
      } else {
        const found = await part({ from: after(known.at(-1)) });
        lines.append(...found);
        for (const line of numbered().slice(0, -MAX_LINES)) {
          box.scrollTop -= line.offsetHeight;
          line.remove();
        }
      }
      if (log.held) log.hold();
    } catch (error) {
      say(error.message);
    }
    busy = false;
  });

  function go(index) {
    if (!hits.length) return;
    current = (index + hits.length) % hits.length;
    const hit = hits[current];
    say(`${(current + 1).toLocaleString("en")} of ${hits.length.toLocaleString("en")}${form.dataset.more || ""}`);
    show({ around: `${hit.seq}.${hit.place}` }, `[data-seq="${hit.seq}"][data-place="${hit.place}"]`);
  }

  async function search() {
    const mine = (turn += 1);
    hits = [];
    current = -1;
    form.dataset.more = "";
    const text = q.value.trim();
    if (!text) return say("");
    let reached = 0;
    for (let round = 0; round < PARTS; round += 1) {
      let found;
      try {
        found = await (await get(`${address}/search`, { q: text, level: level.value, after: reached })).json();
      } catch (error) {
        return say(error.message);
      }
      if (mine !== turn) return;
      const first = !hits.length;
      hits.push(...found.hits);
      reached = found.reached;
      const more = found.complete ? "" : hits.length >= 1000 ? ", and more" : ", searching…";
      form.dataset.more = more;
      if (first && hits.length) go(0);
      else if (hits.length) say(`${(current + 1).toLocaleString("en")} of ${hits.length.toLocaleString("en")}${more}`);
      else say(found.complete ? "Not in the log." : `Searching… ${Math.round((100 * reached) / found.last_seq)} %`);
      if (found.complete || hits.length >= 1000) return;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const back = event.submitter?.name === "back";
    if (hits.length && form.dataset.text === `${q.value} ${level.value}`) return go(current + (back ? -1 : 1));
    form.dataset.text = `${q.value} ${level.value}`;
    search();
  });
  level.addEventListener("change", () => {
    hits = [];
    newest();
  });
  wrap.addEventListener("change", () => box.classList.toggle("log-unwrapped", !wrap.checked));
  numbers.addEventListener("change", () => box.classList.toggle("log-numbered", numbers.checked));
  document.getElementById("log-pause").addEventListener("click", ({ currentTarget }) => {
    const paused = currentTarget.getAttribute("aria-pressed") !== "true";
    if (!paused && log.held) newest();
    currentTarget.setAttribute("aria-pressed", paused);
    log.pause(paused);
  });
  jump.addEventListener("click", () => {
    document.getElementById("log-pause").setAttribute("aria-pressed", "false");
    if (!log.held) return;
    level.value = "";
    mark(null);
    newest();
  });

  // A line's number is its address: #L1.200 is line 200 of the first attempt.
  lines.addEventListener("click", ({ target, offsetX }) => {
    const line = target.closest(".log-line[data-line]");
    if (!line || !box.classList.contains("log-numbered") || offsetX > 64 || line.dataset.line.endsWith(".0")) return;
    history.replaceState(history.state, "", `#L${line.dataset.line}`);
    mark(line);
  });
  const open = () => {
    const wanted = /^#L(\d+\.\d+)$/.exec(location.hash);
    if (!wanted) return;
    document.getElementById("panel-console").scrollIntoView();
    numbers.checked = true;
    box.classList.add("log-numbered");
    show({ line: wanted[1] }, `[data-line="${wanted[1]}"]`);
  };
  addEventListener("hashchange", open);
  open();
}
