// Single keys: one list of them for the page, one dialog that names them, one switch.
const OFF = "run-table-keys-off"; // its first name, so that a choice made then still holds
const acts = new Map();
const dialog = document.getElementById("keys");
const switchBox = document.getElementById("keys-on");

function stored() {
  try {
    return localStorage.getItem(OFF);
  } catch {
    return null;
  }
}

function store(off) {
  try {
    if (off) localStorage.setItem(OFF, "yes");
    else localStorage.removeItem(OFF);
  } catch {
    // The choice holds for this page.
  }
}

// Each act by its key. One that answers false has nothing to do here, and the key stays the browser's.
export function onKeys(more) {
  for (const [key, act] of Object.entries(more)) acts.set(key, act);
}

export const isTyping = (element) => element.matches?.('input:not([type="checkbox"]), textarea, select, [contenteditable]');
export const isBusy = (event) => event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || dialog.open;

function search() {
  const field = document.querySelector('main input[type="search"]');
  if (!field?.checkVisibility()) return false;
  field.focus();
  field.select();
  return true;
}

onKeys({ "?": () => dialog.showModal(), "/": search });

switchBox.checked = stored() === null;
switchBox.addEventListener("change", () => store(!switchBox.checked));
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-show-keys]")) dialog.showModal();
});
document.addEventListener("keydown", (event) => {
  if (isBusy(event) || event.defaultPrevented || !switchBox.checked || !acts.has(event.key)) return;
  if (acts.get(event.key)() !== false) event.preventDefault();
});
