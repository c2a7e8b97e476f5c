// Downloads of a plot: the canvas with its title and legend as PNG, what is drawn as CSV.
const LINE = 20;

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvText({ header, rows }) {
  return [header, ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

export function saveCsv(name, table) {
  download(new Blob([csvText(table)], { type: "text/csv" }), `${name}.csv`);
}

// Legend entries in rows as wide as the plot.
function legendRows(plot, ctx, width, bands) {
  const lines = plot.series.slice(1).map(({ label, show, stroke }) => ({
    label, show, stroke: typeof stroke === "function" ? stroke(plot) : stroke,
  }));
  const rows = [[]];
  let used = 0;
  for (const { label, show, stroke } of [...lines, ...bands]) {
    if (!show || stroke === "transparent") continue;
    const size = ctx.measureText(label).width + 36;
    if (used + size > width && rows.at(-1).length) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1).push({ label, stroke, at: used });
    used += size;
  }
  return rows;
}

export function savePng(name, title, plot, { bands = [] }) {
  const source = plot.ctx.canvas;
  const ratio = devicePixelRatio;
  const width = source.width / ratio;
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d");
  const small = "12px system-ui";
  ctx.font = small;
  const rows = legendRows(plot, ctx, width - 24, bands);
  const height = source.height / ratio + 36 + rows.length * LINE + 8;
  canvas.width = source.width;
  canvas.height = height * ratio;
  ctx.scale(ratio, ratio);
  const { backgroundColor, color } = getComputedStyle(plot.root.closest(".card"));
  ctx.fillStyle = backgroundColor;
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = color;
  ctx.font = "600 15px system-ui";
  ctx.fillText(title, 12, 24);
  ctx.drawImage(source, 0, 36, width, source.height / ratio);
  ctx.font = small;
  rows.forEach((row, index) => {
    const y = height - (rows.length - index) * LINE;
    for (const { label, stroke, at } of row) {
      ctx.fillStyle = stroke;
      ctx.fillRect(12 + at, y - 2, 16, 3);
      ctx.fillStyle = color;
      ctx.fillText(label, 34 + at, y + 3);
    }
  });
  canvas.toBlob((blob) => download(blob, `${name}.png`), "image/png");
}
