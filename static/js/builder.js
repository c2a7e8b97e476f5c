// The builder with script: presets fill in at once, and what is typed is saved as it is typed.
const SAVE_AFTER_MS = 600;
const form = document.getElementById("builder");
const saved = document.getElementById("saved");
let timer = null;
let changes = 0;

async function save() {
  const mark = changes;
  const body = new FormData(form);
  body.set("go", "save");
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    if (answer.ok && mark === changes) {
      saved.textContent = "Draft saved";
      for (const part of document.querySelectorAll("[data-follows-draft]")) part.dispatchEvent(new Event("draft-saved"));
    }
    if (!answer.ok) saved.textContent = "Draft not saved";
  } catch {
    saved.textContent = "Draft not saved: the server does not answer";
  }
}

function changed() {
  changes += 1;
  saved.textContent = "";
  markChanges();
  for (const note of document.querySelectorAll("[data-outdated]")) note.removeAttribute("hidden");
  clearTimeout(timer);
  timer = setTimeout(() => { timer = null; save(); }, SAVE_AFTER_MS);
}

// What a field's own input holds, as its preset's value is written beside it.
function shownValue(name) {
  const inputs = [...form.elements].filter((input) => input.name === name);
  if (inputs.length === 1 && inputs[0].type === "checkbox" && inputs[0].role === "switch") return String(inputs[0].checked);
  if (inputs[0]?.type === "checkbox") return inputs.filter((input) => input.checked).map((input) => input.value).join(",");
  return inputs[0]?.value.trim() ?? "";
}

function same(mine, usual) {
  if (mine === usual) return true;
  return mine !== "" && usual !== "" && Number(mine) === Number(usual);
}

// Says beside each field whether it has another value than the preset; the line keeps its place.
function markChanges() {
  for (const line of form.querySelectorAll("[data-usual-of]")) {
    const differs = !same(shownValue(line.dataset.usualOf), line.dataset.usual);
    line.classList.toggle("changed", differs);
    for (const part of line.querySelectorAll(".field-mark, .btn-reset")) part.hidden = !differs;
  }
}

function fillPreset(radio) {
  for (const [name, value] of Object.entries(JSON.parse(radio.dataset.fills))) {
    const line = form.querySelector(`[data-usual-of="${name}"]`);
    if (line) {
      line.dataset.usual = value ?? "";
      line.querySelector("[data-usual-text]").textContent = value ?? "empty";
    }
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement && field.type !== "radio") field.value = value ?? "";
  }
  form.elements.namedItem("filled-for").value = radio.value;
}

// A timeframe shorter than the file's own bar cannot be made from it.
function limitTimeframes(chosen) {
  const source = form.querySelector('input[name="data-source"]:checked');
  const boxes = [...form.querySelectorAll('input[name="data-timeframes"]')];
  const from = boxes.findIndex((box) => box.value === source?.dataset.timeframe);
  boxes.forEach((box, index) => {
    if (chosen && index < from) box.checked = false;
    box.disabled = index < from && !box.checked;
  });
  if (chosen && from >= 0 && !boxes.some((box) => box.checked)) boxes[from].checked = true;
}

form.addEventListener("change", (event) => {
  if (event.target.form !== form) return;
  if (event.target.dataset.fills) fillPreset(event.target);
  if (event.target.name?.startsWith("data-")) limitTimeframes(event.target.name === "data-source");
  changed();
});
form.addEventListener("input", (event) => {
  if (event.target.form !== form) return;
  if (event.target.name === "data-source-path") document.getElementById("other-source")?.click();
  changed();
});
form.addEventListener("submit", () => { clearTimeout(timer); timer = null; });

// Leaving by the browser's own Back, or closing it, loses nothing that was typed a moment ago.
function saveAtLast() {
  if (timer === null) return;
  clearTimeout(timer);
  timer = null;
  const body = new FormData(form);
  body.set("go", "save");
  fetch(form.action, { method: "POST", body, keepalive: true });
}
// The first comes before the next page is asked for, the second also where a phone skips the first.
window.addEventListener("beforeunload", saveAtLast);
window.addEventListener("pagehide", saveAtLast);
// And a page that comes back out of the browser's memory shows what the draft holds by now.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  const said = document.getElementById("copy-said");
  try {
    await navigator.clipboard.writeText(text.textContent);
    said.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text);
    said.textContent = "Selected: copy it with your keyboard";
  }
});
limitTimeframes(false);
form.querySelector(".is-invalid")?.focus();

// The page can be used before this script has come: what was chosen until then is caught up with.
const early = [...form.querySelectorAll("input[type=radio]:checked")].filter((radio) => !radio.defaultChecked);
for (const radio of early) radio.dispatchEvent(new Event("change", { bubbles: true }));

// Many data sets are looked through in place; what is chosen stays in sight.
const find = document.getElementById("find-data-text");

function filterDataSets() {
  const word = find.value.trim().toLowerCase();
  const said = document.getElementById("find-data-said");
  const items = [...document.querySelectorAll("#data-sets-list [data-words]")];
  let found = 0;
  for (const item of items) {
    const fits = item.dataset.words.toLowerCase().includes(word);
    found += fits;
    item.classList.toggle("d-none", !fits && !item.querySelector("input").checked);
  }
  const total = Number(said.dataset.total).toLocaleString("en");
  said.textContent = word ? `${found.toLocaleString("en")} of ${total} data sets` : `${total} data sets`;
}

// A list that the server has shortened already has not all to look through: its form then asks again.
if (find && !find.defaultValue) {
  find.addEventListener("input", filterDataSets);
  find.form.addEventListener("submit", (event) => event.preventDefault());
}

// The list scrolls, and what was chosen may lie below what it shows.
const chosen = form.querySelector(".scroll-list input:checked")?.closest(".list-group-item");
if (chosen) chosen.parentElement.scrollTop = chosen.offsetTop - chosen.parentElement.offsetTop;
