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
      document.getElementById("rows")?.dispatchEvent(new Event("draft-saved"));
    }
    if (!answer.ok) saved.textContent = "Draft not saved";
  } catch {
    saved.textContent = "Draft not saved: the server does not answer";
  }
}

function changed() {
  changes += 1;
  saved.textContent = "";
  for (const note of document.querySelectorAll("[data-outdated]")) note.removeAttribute("hidden");
  clearTimeout(timer);
  timer = setTimeout(save, SAVE_AFTER_MS);
}

function fillPreset(radio) {
  for (const [name, value] of Object.entries(JSON.parse(radio.dataset.fills))) {
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
  if (event.target.dataset.fills) fillPreset(event.target);
  if (event.target.name?.startsWith("data-")) limitTimeframes(event.target.name === "data-source");
  changed();
});
form.addEventListener("input", (event) => {
  if (event.target.name === "data-source-path") document.getElementById("other-source")?.click();
  changed();
});
form.addEventListener("submit", () => clearTimeout(timer));
limitTimeframes(false);
form.querySelector(".is-invalid")?.focus();

// The list scrolls, and what was chosen may lie below what it shows.
const chosen = form.querySelector(".scroll-list input:checked")?.closest(".list-group-item");
if (chosen) chosen.parentElement.scrollTop = chosen.offsetTop - chosen.parentElement.offsetTop;
