// What is known of a unit: names, units of measure, ranges of colour, and how numbers are written.

const ms = (steps) => steps * run.dt * 1000;
const noLattice = "no lattice";

const fields = {
  tau: { label: "tau", unit: "steps", digits: 3, missing: "no tau",
    about: "Time constant of each unit. The findings below say what asked for the order of this map." },
  spacing: { label: "spacing", unit: "m", digits: 3, missing: noLattice,
    about: "Grid spacing, from the six peaks around the centre of the autocorrelogram." },
  orientation: { label: "orientation", unit: "degrees", digits: 1, period: 60, missing: noLattice,
    about: "Direction of the lattice's axes, anticlockwise from x; it repeats every 60 degrees." },
  phase: { label: "phase, both", unit: "", digits: 2, missing: noLattice,
    about: "Where a field lies in the unit cell: hue is the first coordinate, lightness and strength the second." },
  phase_1: { label: "phase 1", unit: "of the cell", digits: 2, period: 1, missing: noLattice,
    about: "Where a field lies in the unit cell along the lattice's first axis; 0 and 1 are the same place." },
  phase_2: { label: "phase 2", unit: "of the cell", digits: 2, period: 1, missing: noLattice,
    about: "Where a field lies in the unit cell along the lattice's second axis; 0 and 1 are the same place." },
  score_60: { label: "score 60", unit: "", digits: 3, missing: "silent",
    about: "Grid score: how much the autocorrelogram repeats after 60 degrees. Noise has high ones too: see the p-value." },
  score_90: { label: "score 90", unit: "", digits: 3, missing: "silent",
    about: "Square score: how much the autocorrelogram repeats after 90 degrees." },
  border: { label: "border score", unit: "", digits: 3, missing: "no field",
    about: "Border score: 1 for a field all along one wall, below 0 for fields in the middle." },
  peak_rate: { label: "peak rate", unit: "activity units", digits: 4, missing: "silent",
    about: "Highest rate in any bin of the unit's rate map." },
};

const rows = [
  ["tau", "tau", (at) => `${number(at("tau"), 3)} steps`],
  ["tau_ms", "tau, time", (at) => `${number(ms(at("tau")), 1)} ms`],
  ["spacing", "spacing", (at) => withUnit(at("spacing"), 3, "m")],
  ["orientation", "orientation", (at) => withUnit(at("orientation"), 1, "°")],
  ["score_60", "score 60", (at) => number(at("score_60"), 3)],
  ["score_90", "score 90", (at) => number(at("score_90"), 3)],
  ["p_value", "gate p", (at) => number(at("p_value"), 4)],
  ["grid_cell", "grid cell", (at) => (at("grid_cell") ? "yes" : "no")],
  ["phase_1", "phase 1", (at) => number(at("phase_1"), 3)],
  ["phase_2", "phase 2", (at) => number(at("phase_2"), 3)],
  ["border", "border score", (at) => number(at("border"), 3)],
  ["peak_rate", "peak rate", (at) => rateText(at("peak_rate"))],
  ["information", "information", (at) => withUnit(at("information"), 3, "bits")],
  ["negative_share", "below zero", (at) => withUnit(100 * at("negative_share"), 1, "%")],
];

function number(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

// Rates have no scale of their own: three digits that say something, however small they are.
function rateText(value) {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  return size === 0 ? "0" : size < 1e-3 || size >= 1e4 ? value.toExponential(2) : value.toPrecision(3);
}

const written = (key, value) => (key === "peak_rate" ? rateText(value) : number(value, fields[key].digits));

function withUnit(value, digits, unit) {
  return Number.isFinite(value) ? `${value.toFixed(digits)}${unit === "°" ? "" : " "}${unit}` : "-";
}

// A view of an evaluation. Moments kept during training may have settled rates only: they stand in for the others.
function viewOf(evaluation, view) {
  return evaluation.views[view] ?? evaluation.views.settled ?? { measures: {}, maps: null };
}

// All units' values of a field at an evaluation; undefined if the page does not have them.
function valuesOf(evaluation, view, key) {
  if (key === "phase") key = "phase_1";
  const packed = key === "tau" || key === "negative_share" ? evaluation[key] : viewOf(evaluation, view).measures[key];
  return packed && unpack(packed);
}

// Ends of the colour scale, held still over the evaluations so that colours can be compared.
const limitsOf = (() => {
  const known = {};
  return (key, view) => {
    const field = fields[key], name = `${key} ${view}`;
    if (known[name]) return known[name];
    if (field.period) return (known[name] = [0, field.period]);
    if (key === "tau" && run.tau) return (known[name] = run.tau_limits);
    const last = valuesOf(data.evaluations[data.evaluations.length - 1], view, key) ?? [];
    const sorted = last.filter(Number.isFinite).sort();
    let [low, high] = sorted.length ? [quantile(sorted, 0.02), quantile(sorted, 0.98)] : [0, 1];
    if (key === "peak_rate") low = Math.min(0, low);
    // Tau never is below 1.
    if (key === "tau" && high - low < 1) high = low + 1;
    const least = key === "spacing" ? 0.02 : 1e-3 * Math.max(1, Math.abs(high));
    if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
    return (known[name] = [low, high]);
  };
})();

function quantile(sorted, share) {
  const at = share * (sorted.length - 1), below = Math.floor(at);
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}

function median(values) {
  const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
  return sorted.length ? quantile(sorted, 0.5) : NaN;
}

// Round numbers that divide a range into about `count` parts.
function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) || 10 * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

const short = (value) => String(Number(value.toPrecision(6)));
