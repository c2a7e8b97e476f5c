// How many rows of a table are ticked, on the button that takes them. Without script the button works
// all the same.
const MOST = 20;

function count() {
  for (const button of document.querySelectorAll("[data-picked]")) {
    const ticked = document.querySelectorAll(`input[form="${button.dataset.picked}"]:checked`).length;
    button.querySelector("[data-picked-count]").textContent = ticked ? ` ${ticked}` : "";
    button.classList.toggle("btn-primary", ticked > 1 && ticked <= MOST);
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.('input[type="checkbox"][form]')) count();
});
document.addEventListener("htmx:after:swap", count);
addEventListener("pageshow", count);
count();
