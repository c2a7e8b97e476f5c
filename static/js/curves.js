// The points of a run as columns for uPlot. Points come keyed by step, so that a repeated one changes
// nothing; what the fit left behind when it went back is kept apart, by the attempt that made it.
// In a column, undefined is "nothing at this x" and joined across; null is a value that is not finite:
// a gap, and the word for it is in `words` at its x.
const MAX_ABANDONED = 8;

// A row of epochs: step, epoch, then the scores in the order of series.EPOCH_KEYS, then the attempt.
const EPOCH = 1;
export const SCORES = { val_loss: 2, val_da: 3, val_nll: 4, val_crps: 5, val_pinball: 6, val_rmse: 7 };

export const newStore = () => ({ steps: new Map(), epochs: new Map(), baselines: {}, abandoned: [] });

function cutAfter(curve, step) {
  const late = [...curve.values()].filter((point) => point[0] > step);
  for (const point of late) curve.delete(point[0]);
  return late;
}

function setApart(store, back) {
  const steps = cutAfter(store.steps, back);
  const epochs = cutAfter(store.epochs, back);
  const attempts = new Set([...steps, ...epochs].map((point) => point.at(-1)));
  for (const attempt of [...attempts].sort((a, b) => a - b)) {
    const own = (point) => point.at(-1) === attempt;
    store.abandoned.push({ attempt, steps: steps.filter(own), epochs: epochs.filter(own) });
  }
  return attempts.size > 0;
}

export function addPoints(store, more) {
  let fresh = more.abandoned;
  if (more.back_to_step !== null && setApart(store, more.back_to_step) && fresh.length) {
    // The same piece may have come in two parts: most of it earlier, its end with this batch.
    const last = store.abandoned.at(-1);
    if (last.attempt === fresh[0].attempt) {
      last.steps.push(...fresh[0].steps);
      last.epochs.push(...fresh[0].epochs);
      fresh = fresh.slice(1);
    }
  }
  store.abandoned.push(...fresh);
  store.abandoned.splice(0, store.abandoned.length - MAX_ABANDONED);
  for (const point of more.steps) store.steps.set(point[0], point);
  for (const point of more.epochs) store.epochs.set(point[0], point);
  Object.assign(store.baselines, more.baselines);
}

// Lists of [x, value] as columns on one axis, and the values that are not finite by their x.
export function aligned(curves) {
  const places = new Map();
  const words = new Map();
  curves.forEach((curve, index) => {
    for (const [x, value] of curve) {
      if (value === null || value === undefined) continue;
      if (!places.has(x)) places.set(x, []);
      const finite = typeof value === "number";
      places.get(x)[index] = finite ? value : null;
      if (!finite) words.set(x, value);
    }
  });
  const x = [...places.keys()].sort((a, b) => a - b);
  return { data: [x, ...curves.map((_, index) => x.map((at) => places.get(at)[index]))], words };
}

const named = (what, { attempt }) => `${what}abandoned (attempt ${attempt})`;
const faint = (label, colour) => ({ label, colour, width: 1, faint: true });

export function lossCurves(store) {
  const pick = (epochs) => epochs.map((row) => [row[0], row[SCORES.val_loss]]);
  const series = [
    { label: "train", colour: "--chart-train", width: 1.25 },
    { label: "val", colour: "--chart-val", points: true },
  ];
  const curves = [[...store.steps.values()], pick([...store.epochs.values()])];
  for (const piece of store.abandoned) {
    if (piece.steps.length) {
      series.push(faint(named("train, ", piece), "--chart-train"));
      curves.push(piece.steps);
    }
    if (piece.epochs.length) {
      series.push({ ...faint(named("val, ", piece), "--chart-val"), points: true });
      curves.push(pick(piece.epochs));
    }
  }
  return { series, ...aligned(curves) };
}

// One score by epoch, what was abandoned of it, and lines that stay the same.
export function epochCurves(store, key, factor, own, lines) {
  const pick = (epochs) =>
    epochs.map((row) => {
      const value = row[SCORES[key]];
      return [row[EPOCH], typeof value === "number" ? value * factor : value];
    });
  const model = pick([...store.epochs.values()]);
  const pieces = store.abandoned.filter((piece) => pick(piece.epochs).some(([, value]) => value !== null));
  const past = pieces.map((piece) => pick(piece.epochs));
  const known = [model, ...past].flat().filter(([, value]) => value !== null).map(([x]) => x);
  const ends = lines.length ? [0, Math.max(1, ...known)] : [];
  const across = (value) => [...new Set([...ends, ...known])].map((x) => [x, value]);
  return {
    series: [
      own,
      ...lines.map(({ value, ...shape }) => shape),
      ...pieces.map((piece) => ({ ...faint(named("", piece), own.colour), points: true })),
    ],
    ...aligned([model, ...lines.map(({ value }) => across(value)), ...past]),
  };
}
