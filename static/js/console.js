// The console log: follows the newest line until the reader scrolls up, and stays bounded. While
// someone reads further up, nothing moves: what comes meanwhile waits outside the page, bounded too.
// A reader who goes to another part of the log (log_reader.js) holds it: then what comes is only counted.
const MAX_LINES = 1000;
const NEAR_PX = 24;

export function gap(count) {
  const note = document.createElement("div");
  note.className = "log-line log-gap";
  note.dataset.count = count;
  note.textContent = `… ${count.toLocaleString("en")} line${count === 1 ? "" : "s"} not shown, see the full log`;
  return note;
}

const weight = (line) => Number(line.dataset.count ?? 1);

export function startConsole() {
  const box = document.getElementById("console");
  const lines = document.getElementById("console-lines");
  const jump = document.getElementById("console-jump");
  const whole = document.getElementById("full-log");
  const empty = box.querySelector(".console-empty");
  let follow = true;
  let held = false;
  let waiting = [];
  let missed = 0;

  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
  };
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  const trim = () => {
    let gone = 0;
    while (lines.childElementCount > MAX_LINES + 1) {
      gone += weight(lines.firstElementChild);
      lines.firstElementChild.remove();
    }
    if (!gone) return;
    gone += weight(lines.firstElementChild);
    lines.firstElementChild.replaceWith(gap(gone)); // what was taken away stays counted at the top
  };
  const bringIn = () => {
    if (missed) lines.append(gap(missed));
    lines.append(...waiting);
    waiting = [];
    missed = 0;
    trim();
  };

  box.addEventListener("scroll", () => {
    if (held) return;
    follow = atEnd();
    jump.hidden = follow;
    if (follow && waiting.length) {
      bringIn();
      toEnd();
    }
  });
  jump.addEventListener("click", () => {
    if (held) return;
    follow = true;
    bringIn();
    toEnd();
  });
  const update = () => {
    empty.hidden = lines.firstElementChild !== null;
    whole.hidden = !empty.hidden; // before the first line there is no file
    if (held) {
      for (const line of [...lines.children].slice(update.shown)) line.remove();
      return;
    }
    if (follow) {
      trim();
      toEnd();
      return;
    }
    const extra = lines.childElementCount - MAX_LINES - 1;
    if (extra <= 0 && !waiting.length) return;
    const fresh = [...lines.children].slice(waiting.length ? update.shown : MAX_LINES + 1);
    for (const line of fresh) line.remove();
    waiting.push(...fresh);
    const late = waiting.splice(0, Math.max(waiting.length - MAX_LINES, 0));
    missed += late.reduce((sum, line) => sum + weight(line), 0);
    update.shown = lines.childElementCount;
  };
  update();
  return {
    update,
    // Another part of the log stands in the page: nothing is added to it.
    hold() {
      held = true;
      waiting = [];
      missed = 0;
      jump.hidden = false;
      update.shown = lines.childElementCount;
    },
    // The newest lines stand in the page again.
    release() {
      held = false;
      follow = true;
      jump.hidden = true;
      update();
    },
    // No line moves until the reader says so.
    pause(paused) {
      follow = !paused;
      jump.hidden = follow;
      if (follow) {
        bringIn();
        toEnd();
      }
    },
    get held() {
      return held;
    },
  };
}
