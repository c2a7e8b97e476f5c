// What every page needs: questions before what cannot be undone, and no form sent twice.
import "./scrollers.js";
import { linkColumns } from "./columns.js";
import "./keys.js";
import "./notifications.js";
import "./run_list.js";
import "./times.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !confirm(question)) {
    event.preventDefault();
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    form.dataset.sent = "yes";
    event.submitter?.classList.add("btn-loading");
  }
});

// A page that comes back from the browser's cache may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".btn-loading")) {
    button.classList.remove("btn-loading");
  }
});

// The menu of a phone closes by Escape, which gives the focus back, and by a click beside it.
document.addEventListener("keydown", (event) => {
  const open = document.querySelector(".nav-menu[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  const open = document.querySelector(".nav-menu[open]");
  if (open && !open.contains(event.target)) open.open = false;
});

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// An open menu closes by a click elsewhere or on one of its items, and by Escape.
function closeMenus(keep) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== keep) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const inside = event.target.closest?.("details.menu");
  closeMenus(event.target.closest?.(".dropdown-item") ? null : inside);
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The bell's list is read when it is opened, so that no page pays for it.
document.querySelector("[data-bell]")?.addEventListener("toggle", (event) => {
  if (event.target.open) document.getElementById("bell-list").dispatchEvent(new Event("bell:opened"));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const words = button.querySelector(".visually-hidden");
  words.dataset.words ??= words.textContent;
  const copied = await navigator.clipboard.writeText(button.dataset.copy).then(() => true, () => false);
  words.textContent = copied ? "Copied" : "The browser does not let it be copied";
  button.classList.toggle("text-green", copied);
  setTimeout(() => {
    words.textContent = words.dataset.words;
    button.classList.remove("text-green");
  }, 2000);
});

// What asks again and again rests while nobody sees it, and looks at once when somebody does.
const isPoll = (element) => element?.getAttribute?.("hx-trigger")?.startsWith("every ");
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && isPoll(event.target)) event.preventDefault();
});

linkColumns();
