// Copies a table as CSV: heads by name, cells by their value where they carry one.
import { csvText, saveCsv } from "./save_plot.js";

const cellText = (cell) => {
  if (cell.dataset.value !== undefined) return cell.dataset.value;
  const copy = cell.cloneNode(true);
  for (const element of copy.querySelectorAll("svg, .visually-hidden, .badge + .badge")) element.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
};

function contents(table) {
  const [head, ...rows] = [...table.rows].filter((row) => !row.classList.contains("section-row"));
  return { header: [...head.cells].map(cellText), rows: rows.map((row) => [...row.cells].map(cellText)) };
}

export function startCopying(words) {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-csv]");
    if (!button) return;
    const section = document.getElementById(button.dataset.copyCsv);
    const table = section.querySelector("table");
    if (!table) return;
    await copied(button, csvText(contents(table)), () => saveCsv(button.dataset.copyCsv, contents(table)));
  });
  document.querySelector("[data-copy-link]").addEventListener("click", (event) => copied(event.currentTarget, location.href, () => prompt(words, location.href)));
}

// Where the browser keeps its clipboard to itself, the other way is taken.
async function copied(button, content, otherwise) {
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    return otherwise();
  }
  const label = [...button.childNodes].findLast((node) => node.nodeType === Node.TEXT_NODE);
  const before = label.textContent;
  label.textContent = "Copied";
  button.setAttribute("aria-live", "polite");
  setTimeout(() => { label.textContent = before; }, 2000);
  return undefined;
}
