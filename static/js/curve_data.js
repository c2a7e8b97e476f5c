// The points of one metric as columns, and columns on one axis as uPlot takes them. In such a column
// undefined is "nothing at this x" and joined across; null is a value that is not finite: a gap.
export const MAX_APPENDED = 2000; // after so many live points the server is asked for a thinned curve

const noPoints = () => ({ step: [], at: [], value: [] });

export const emptyCurve = () => ({
  ...noPoints(), abandoned: [], means: noPoints(), total: 0, exact: true, appended: 0, seq: 0, read: false,
});

export function curveOf(answer, seq) {
  return { ...answer, appended: 0, seq, read: true };
}

export function append(curve, seq, step, at, value) {
  if (seq <= curve.seq) return false;
  curve.seq = seq;
  for (const points of curve.means.step.length ? [curve, curve.means] : [curve]) {
    points.step.push(step);
    points.at.push(at);
    points.value.push(value);
  }
  curve.total += 1;
  curve.appended += 1;
  return true;
}

// x of every point: optimizer steps, epochs, or seconds since 1970.
export function places({ step, at }, axis, stepsPerEpoch) {
  if (axis === "time") return at.map((moment) => moment / 1000);
  return axis === "epoch" ? step.map((one) => one / stepsPerEpoch) : step;
}

// Lines of {x, y} with x ascending, put on one axis. `words` are the values that are not finite, by x.
export function aligned(lines) {
  const all = new Float64Array(lines.reduce((sum, { x }) => sum + x.length, 0));
  let at = 0;
  for (const { x } of lines) {
    all.set(x, at);
    at += x.length;
  }
  all.sort();
  const axis = [];
  for (const x of all) if (x !== axis.at(-1)) axis.push(x);
  const words = new Map();
  const columns = lines.map(({ x, y }) => {
    const column = new Array(axis.length).fill(undefined);
    let place = 0;
    for (let index = 0; index < x.length; index += 1) {
      while (axis[place] < x[index]) place += 1;
      const value = y[index];
      if (value === undefined) continue;
      column[place] = typeof value === "number" ? value : null;
      if (typeof value === "string") words.set(x[index], value);
    }
    return column;
  });
  return { data: [axis, ...columns], words };
}
