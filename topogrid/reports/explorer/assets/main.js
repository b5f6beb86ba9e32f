// The state of the page, and who paints what of it.

const state = {
  field: "tau", palette: "viridis", view: "settled", step: data.evaluations.length - 1, cursor: null, pinned: null,
  region: null, ranges: {}, selected: null, axisX: "tau", axisY: "spacing", touchBrush: false, theme: "auto",
};

function byId(id) {
  return document.getElementById(id);
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const count = (n) => n.toLocaleString("en");
const evaluation = () => data.evaluations[state.step];
const unmeasured = new Float32Array(run.units).fill(NaN);
const current = (key) => valuesOf(evaluation(), state.view, key) ?? unmeasured;
const currentView = () => viewOf(evaluation(), state.view);
const currentMaps = () => mapsOf(currentView(), () => schedule("maps"));
const wasGated = () => currentView().measures.grid_cell !== undefined;

// The unit that the page tells about: the pinned one, else the one under the cursor, else the best of the run.
let best = 0;
const shownUnit = () => state.pinned ?? state.cursor ?? best;

// --- painting: changes are gathered and painted together before the next frame ---

// What has to be painted again when a part of the state changes.
const PARTS = {
  field: ["colours"], palette: ["colours"], view: ["colours", "evaluation", "selection", "unit"],
  step: ["colours", "evaluation", "selection", "unit"], cursor: ["unit"], pinned: ["unit"], region: ["selection"],
  ranges: ["selection"], axisX: ["axes"], axisY: ["axes"], theme: ["colours", "size"], touchBrush: [],
};
const PAINTERS = [paintSheet, paintUnit, paintScatter, paintRanges, paintMeans, paintCharts, paintControls];
let changed = new Set(), asked = false;

function update(patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (state[key] === value) continue;
    state[key] = value;
    schedule(...PARTS[key]);
  }
  schedule("drag");
}

function schedule(...parts) {
  for (const part of parts) changed.add(part);
  if (asked) return;
  asked = true;
  requestAnimationFrame(paint);
}

function paint() {
  asked = false;
  const parts = changed;
  changed = new Set();
  if (parts.has("selection")) state.selected = select();
  for (const painter of PAINTERS) painter(parts);
}

function paintControls(parts) {
  if (!["colours", "evaluation", "size"].some((part) => parts.has(part))) return;
  const { step, burn_in: burnIn } = evaluation(), steps = data.evaluations.length;
  byId("field").value = state.field;
  byId("palette").disabled = Boolean(fields[state.field].period) || state.field === "phase";
  const settled = state.view === "settled" || !evaluation().views[state.view];
  const how = settled ? `Counted after ${burnIn} ${burnIn === 1 ? "step" : "steps"}, when less than 1 % of the start is left.`
    : "Counted from the first step on: slow units still hold where the walk began.";
  const plain = state.field === "tau" && !run.tau ? "Plain network: tau = 1 in every unit." : fields[state.field].about;
  const lacking = settled && state.view !== "settled" ? " This evaluation has no rates from the first step." : "";
  byId("field-about").textContent = `${plain} ${how}${lacking}`;
  byId("step").value = state.step;
  byId("step").setAttribute("aria-valuetext", `step ${step}, ${state.step + 1} of ${steps}`);
  byId("step-text").textContent = steps > 1 ? `${count(step)} (evaluation ${state.step + 1} of ${steps})` : `${count(step)} (the only evaluation)`;
  document.querySelector(`input[name="view"][value="${state.view}"]`).checked = true;
}

// --- controls ---

function options(select, keys) {
  select.append(...keys.map((key) => element("option", { value: key, textContent: axisTitle(key) })));
}

function prepareControls() {
  options(byId("field"), Object.keys(fields));
  options(byId("axis-x"), RANGED);
  options(byId("axis-y"), RANGED);
  if (!run.tau) Object.assign(state, { field: "spacing", axisX: "score_60" });
  // A sheet without a lattice begins with scores: one without a colour shows nothing.
  const last = data.evaluations[data.evaluations.length - 1];
  if (!(valuesOf(last, state.view, "spacing") ?? []).some(Number.isFinite)) {
    if (!run.tau) state.field = "score_60";
    else state.axisY = "score_60";
  }
  for (const [id, key] of [["field", "field"], ["palette", "palette"], ["axis-x", "axisX"], ["axis-y", "axisY"]]) {
    byId(id).value = state[key];
    byId(id).addEventListener("change", (event) => update({ [key]: event.target.value }));
  }
  const slider = byId("step");
  slider.max = data.evaluations.length - 1;
  slider.disabled = byId("play").disabled = data.evaluations.length < 2;
  slider.addEventListener("input", () => update({ step: Number(slider.value) }));
  byId("play").addEventListener("click", play);
  for (const input of document.querySelectorAll('input[name="view"]')) {
    input.addEventListener("change", () => update({ view: input.value }));
  }
  byId("clear").addEventListener("click", clearSelection);
  byId("touch-brush").addEventListener("click", () => {
    update({ touchBrush: !state.touchBrush });
    byId("touch-brush").setAttribute("aria-pressed", String(state.touchBrush));
    for (const canvas of [sheet.canvas, scatter.canvas]) canvas.classList.toggle("brushing", state.touchBrush);
  });
  byId("theme").addEventListener("click", nextTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

let playing = null;
function play() {
  const stop = () => {
    clearInterval(playing);
    playing = null;
    byId("play").textContent = "▶";
  };
  if (playing) return stop();
  if (data.evaluations.length < 2) return;
  if (state.step === data.evaluations.length - 1) update({ step: 0 });
  byId("play").textContent = "⏸";
  playing = setInterval(() => {
    update({ step: Math.min(state.step + 1, data.evaluations.length - 1) });
    if (state.step === data.evaluations.length - 1) stop();
  }, 900);
}

function clearSelection() {
  sheet.anchor = null;
  update({ region: null, ranges: {} });
}

// --- theme ---

const dark = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const wanted = state.theme === "auto" ? (dark.matches ? "dark" : "light") : state.theme;
  document.documentElement.dataset.theme = wanted;
  byId("theme").textContent = `Theme: ${state.theme}`;
  readTheme();
  schedule("colours", "selection", "evaluation", "unit", "size");
}

function nextTheme() {
  const order = ["auto", "light", "dark"];
  state.theme = order[(order.indexOf(state.theme) + 1) % 3];
  applyTheme();
}

// --- keys that work everywhere ---

function anywhereKey(event) {
  const typing = event.target.matches("input[type=range], select, textarea") && event.key !== "Escape";
  if (typing || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const move = (by) => update({ step: Math.max(0, Math.min(data.evaluations.length - 1, state.step + by)) });
  const keys = Object.keys(fields), turn = (by) => update({ field: keys[(keys.indexOf(state.field) + by + keys.length) % keys.length] });
  const actions = {
    "[": () => move(-1), "]": () => move(1), p: play, n: nextBest, t: nextTheme, c: () => turn(1), C: () => turn(-1),
    s: () => sheet.canvas.focus(), v: () => update({ view: state.view === "settled" ? "start" : "settled" }),
    "?": () => byId("help").showModal(),
    Escape: () => (state.selected ? clearSelection() : update({ pinned: null })),
  };
  if (!(event.key in actions)) return;
  actions[event.key]();
  event.preventDefault();
}

function start() {
  byId("main").hidden = false;
  byId("loading").hidden = true;
  best = ranking(current("score_60"))[0];
  prepareControls();
  prepareUnit();
  prepareRanges();
  prepareCharts();
  prepareText();
  prepareInterventions();
  listenSheet();
  listenScatter();
  document.addEventListener("keydown", anywhereKey);
  dark.addEventListener("change", applyTheme);
  let width = 0;
  new ResizeObserver(([main]) => {
    // Only the width counts: the height also changes with every word that wraps.
    if (main.contentRect.width === width) return;
    width = main.contentRect.width;
    sizes = new WeakMap();
    schedule("size");
  }).observe(byId("main"));
  applyTheme();
}

start();
