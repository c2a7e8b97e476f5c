// From a run's curves to the columns of one chart.
const X_OF_TRAINING = {
  step: ([step]) => step,
  epoch: ([step], { steps_per_epoch: all }) => (all ? step / all : null),
  time: ([, seconds]) => seconds / 60,
};
const X_OF_VALIDATION = { step: (row) => row[0], epoch: (row) => row[1], time: (row) => row[2] / 60 };

export const X_LABELS = { step: "step", epoch: "epoch", time: "minutes trained" };

// The points of one run in a chart: {x, y, means}, in order; null is a gap.
export function pointsOf(curves, metric, factor, xAxis) {
  if (metric === "train_loss") {
    const of = (rows) => split(rows, (row) => X_OF_TRAINING[xAxis](row, curves), (row) => row[2], factor);
    return { ...of(curves.training), means: curves.means.length ? of(curves.means) : null };
  }
  const column = curves.columns.indexOf(metric);
  const known = curves.validations.some((row) => row[column] !== null);
  return { ...split(known ? curves.validations : [], X_OF_VALIDATION[xAxis], (row) => row[column], factor), means: null };
}

function split(rows, xOf, yOf, factor) {
  const x = [];
  const y = [];
  for (const row of rows) {
    const at = xOf(row);
    if (at === null || at === undefined || at === x.at(-1)) continue;
    x.push(at);
    y.push(yOf(row) === null ? null : yOf(row) * factor);
  }
  return { x, y };
}

// Place of the point whose x is nearest.
export function nearest(x, value) {
  let low = 0;
  let high = x.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle;
    else high = middle;
  }
  return Math.abs(x[low] - value) <= Math.abs(x[high] - value) ? low : high;
}
