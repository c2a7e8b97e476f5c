// The one rule by which curves are smoothed, on a run's page and in a comparison: an exponential
// average that forgets by distance and not by point, so that curves of different lengths and spacings
// are smoothed alike. A thousandth of the range is one step of the average. Where a curve is thinned,
// its means are smoothed: the points that are drawn are extremes. What is not a number is a gap.
export function smoothed(x, y, amount, range) {
  let sum = 0;
  let weight = 0;
  let before = null;
  return y.map((value, at) => {
    if (typeof value !== "number") return null;
    const decay = before === null || !range ? 1 : amount ** (((x[at] - before) / range) * 1000);
    before = x[at];
    sum = sum * decay + value;
    weight = weight * decay + 1;
    return sum / weight;
  });
}
