// The columns that this browser's user chose last become part of the link to the run table. The table
// itself follows its address only.
const KEY = "run-table-columns";

function read() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function rememberColumns() {
  const columns = new URLSearchParams(location.search).getAll("cols").join(",");
  try {
    if (columns) localStorage.setItem(KEY, columns);
  } catch {
    return;
  }
  document.querySelector("[data-usual-columns]")?.addEventListener("click", () => {
    localStorage.removeItem(KEY);
  });
  if (columns) linkColumns();
}

export function linkColumns() {
  const columns = read();
  if (!/^[a-z0-9_,]{1,400}$/.test(columns)) return;
  for (const link of document.querySelectorAll("[data-run-table-link]")) {
    link.href = `${link.pathname}?cols=${columns}`;
  }
}
