// What every page needs: questions before what cannot be undone, and no form sent twice.
import "./scrollers.js";
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
