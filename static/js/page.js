// What every page needs: questions before what cannot be undone, and no form sent twice.
import { linkColumns } from "./columns.js";
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

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// What asks again and again rests while nobody sees it, and looks at once when somebody does.
const isPoll = (element) => element?.getAttribute?.("hx-trigger")?.startsWith("every ");
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && isPoll(event.target)) event.preventDefault();
});

linkColumns();
