// The console log: follows the newest line until the reader scrolls up, and stays bounded.
const MAX_LINES = 1000;
const NEAR_PX = 24;

export function startConsole() {
  const box = document.getElementById("console");
  const lines = document.getElementById("console-lines");
  const jump = document.getElementById("console-jump");
  const whole = document.getElementById("full-log");
  const empty = box.querySelector(".console-empty");
  let follow = true;

  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
  };
  const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;

  box.addEventListener("scroll", () => {
    follow = atEnd();
    jump.hidden = follow;
  });
  jump.addEventListener("click", () => {
    follow = true;
    toEnd();
  });
  const update = () => {
    empty.hidden = lines.firstElementChild !== null;
    whole.hidden = !empty.hidden; // before the first line there is no file
    // While someone reads further up, nothing above them is taken away.
    if (!follow) return;
    while (lines.childElementCount > MAX_LINES) lines.firstElementChild.remove();
    toEnd();
  };
  update();
  return update;
}
