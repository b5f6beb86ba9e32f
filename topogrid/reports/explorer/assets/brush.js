// Units against each other, and ranges of their numbers: what is inside all ranges and the region is selected.

const RANGED = ["tau", "spacing", "score_60"];
const scatter = { canvas: byId("scatter"), base: document.createElement("canvas"), drag: null, points: [] };
const MARGIN = { left: 52, right: 12, top: 10, bottom: 38 };

// Smallest and largest value over all evaluations of the view, so that handles stay where they are over time.
function extent(key) {
  let low = Infinity, high = -Infinity;
  for (const each of data.evaluations) {
    for (const value of valuesOf(each, state.view, key) ?? []) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low < high ? [low, high] : null;
}
const extents = {};
const extentOf = (key) => (extents[`${key} ${state.view}`] ??= { range: extent(key) }).range;

// Which units are selected; null if nothing restricts them.
function select() {
  const active = RANGED.filter((key) => state.ranges[key]);
  if (!active.length && !state.region) return null;
  const mask = new Uint8Array(run.units).fill(1);
  for (const key of active) {
    const values = current(key), [low, high] = state.ranges[key];
    for (let unit = 0; unit < run.units; unit++) if (!(values[unit] >= low && values[unit] <= high)) mask[unit] = 0;
  }
  if (state.region) {
    const [top, left, bottom, right] = state.region;
    for (let unit = 0; unit < run.units; unit++) {
      const row = Math.floor(unit / run.side), col = unit % run.side;
      if (row < top || row > bottom || col < left || col > right) mask[unit] = 0;
    }
  }
  const units = [];
  for (let unit = 0; unit < run.units; unit++) if (mask[unit]) units.push(unit);
  return { mask, units };
}

// --- the scatter ---

function paintScatter(changed) {
  const parts = ["axes", "colours", "evaluation", "selection", "size"];
  if (parts.some((part) => changed.has(part))) rebuildScatter();
  const { context, width, height } = sharp(scatter.canvas);
  context.drawImage(scatter.base, 0, 0, width, height);
  const unit = shownUnit(), point = pointOf(unit);
  if (point) {
    context.strokeStyle = theme.mark;
    context.lineWidth = 1;
    context.beginPath();
    line(context, point[0], MARGIN.top, point[0], height - MARGIN.bottom);
    line(context, MARGIN.left, point[1], width - MARGIN.right, point[1]);
    context.stroke();
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(...point, 6, 0, 7);
    context.stroke();
  }
  if (scatter.drag?.moved) {
    const { x0, y0, x1, y1 } = scatter.drag;
    context.setLineDash([5, 4]);
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.setLineDash([]);
  }
}

function scaleOf(key, from, to) {
  let range = extentOf(key);
  if (key === "spacing" && run.theory && range) range = [Math.min(range[0], run.theory), Math.max(range[1], run.theory)];
  const constant = current(key).find(Number.isFinite) ?? 0.5;
  const [low, high] = range ?? [constant - 0.5, constant + 0.5];
  const room = 0.03 * (high - low), start = low - room, stop = high + room;
  const place = (value) => from + ((value - start) / (stop - start)) * (to - from);
  return { place, value: (at) => start + ((at - from) / (to - from)) * (stop - start), start, stop };
}

function rebuildScatter() {
  const [width, height] = sizeOf(scatter.canvas), ratio = window.devicePixelRatio || 1;
  [scatter.base.width, scatter.base.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = scatter.base.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  scatter.x = scaleOf(state.axisX, MARGIN.left, width - MARGIN.right);
  scatter.y = scaleOf(state.axisY, height - MARGIN.bottom, MARGIN.top);
  drawAxes(context, width, height);
  drawBand(context);
  drawTheory(context, width, height);
  const drawn = drawPoints(context);
  drawMedians(context);
  describeScatter(drawn);
  if (!drawn.total) {
    context.fillStyle = theme.quiet;
    context.textAlign = "center";
    context.fillText(`no unit has a ${fields[state.axisY].label} here`, (MARGIN.left + width) / 2, height / 2);
  }
}

function axisTitle(key) {
  return fields[key].label + (fields[key].unit ? ` (${fields[key].unit})` : "");
}

function drawAxes(context, width, height) {
  const { x, y } = scatter, bottom = height - MARGIN.bottom;
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = theme.quiet;
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const value of ticks(x.start, x.stop, width / 80)) {
    context.beginPath();
    line(context, x.place(value), MARGIN.top, x.place(value), bottom);
    context.stroke();
    context.fillText(short(value), x.place(value), bottom + 14);
  }
  context.fillText(axisTitle(state.axisX), (MARGIN.left + width - MARGIN.right) / 2, height - 6);
  context.textAlign = "right";
  for (const value of ticks(y.start, y.stop, 6)) {
    context.beginPath();
    line(context, MARGIN.left, y.place(value), width - MARGIN.right, y.place(value));
    context.stroke();
    context.fillText(short(value), MARGIN.left - 6, y.place(value) + 4);
  }
  context.save();
  context.translate(12, (MARGIN.top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(axisTitle(state.axisY), 0, 0);
  context.restore();
}

// The band of medians that shifted maps give is of the last evaluation, and of spacing above tau.
function bandShown() {
  const last = state.step === data.evaluations.length - 1;
  return last && state.axisX === "tau" && state.axisY === "spacing" ? data.bands[state.view] : null;
}

function drawBand(context) {
  const band = bandShown(), { x, y } = scatter;
  if (!band) return;
  context.fillStyle = theme.band;
  band.low.forEach((low, part) => {
    if (low === null) return;
    const left = x.place(band.edges[part]), top = y.place(band.high[part]);
    context.fillRect(left, top, x.place(band.edges[part + 1]) - left, y.place(low) - top);
  });
}

function drawMedians(context) {
  const band = bandShown(), { x, y } = scatter;
  if (!band) return;
  context.strokeStyle = context.fillStyle = theme.theory;
  context.lineWidth = 2;
  band.median.forEach((value, part) => {
    if (value === null) return;
    context.beginPath();
    line(context, x.place(band.edges[part]), y.place(value), x.place(band.edges[part + 1]), y.place(value));
    context.stroke();
    diamond(context, x.place((band.edges[part] + band.edges[part + 1]) / 2), y.place(value), 5);
  });
}

function drawTheory(context, width, height) {
  const { x, y } = scatter;
  if (!run.theory) return;
  context.strokeStyle = theme.theory;
  context.lineWidth = 1.4;
  context.setLineDash([7, 5]);
  context.beginPath();
  if (state.axisY === "spacing") line(context, MARGIN.left, y.place(run.theory), width - MARGIN.right, y.place(run.theory));
  if (state.axisX === "spacing") line(context, x.place(run.theory), MARGIN.top, x.place(run.theory), height - MARGIN.bottom);
  context.stroke();
  context.setLineDash([]);
}

function pointOf(unit) {
  const x = current(state.axisX)[unit], y = current(state.axisY)[unit];
  return Number.isFinite(x) && Number.isFinite(y) ? [scatter.x.place(x), scatter.y.place(y)] : null;
}

// Selected units are drawn last and larger, grid cells as diamonds.
function drawPoints(context) {
  const cells = current("grid_cell"), chosen = state.selected, drawn = { total: 0, cells: 0 };
  const size = run.units > 1500 ? 1.6 : 2.4;
  scatter.points = [];
  for (const strong of [false, true]) {
    context.fillStyle = strong ? theme.accent : theme.point;
    context.globalAlpha = chosen && !strong ? 0.45 : 0.85;
    for (let unit = 0; unit < run.units; unit++) {
      if (Boolean(chosen && chosen.mask[unit]) !== strong) continue;
      const point = pointOf(unit);
      if (!point) continue;
      scatter.points.push([...point, unit]);
      drawn.total++;
      drawn.cells += cells[unit] === 1;
      const radius = size + (strong ? 1 : 0);
      if (cells[unit] === 1) diamond(context, ...point, radius + 2);
      else context.fillRect(point[0] - radius, point[1] - radius, 2 * radius, 2 * radius);
    }
  }
  context.globalAlpha = 1;
  return drawn;
}

function diamond(context, x, y, radius) {
  context.beginPath();
  context.moveTo(x, y - radius);
  context.lineTo(x + radius, y);
  context.lineTo(x, y + radius);
  context.lineTo(x - radius, y);
  context.fill();
}

function describeScatter({ total, cells }) {
  const gated = wasGated() ? `${count(cells)} are grid cells (diamonds)` : "which are grid cells was not measured at this step";
  const told = [`${count(total)} of ${count(run.units)} units have both; ${gated}.`];
  if (!run.tau) told.push("Plain network: tau = 1 in every unit.");
  if (run.theory && [state.axisX, state.axisY].includes("spacing")) told.push(`Dashed: theory, ${run.theory.toFixed(3)} m.`);
  if (bandShown()) told.push("Bars: median spacing of units grouped by tau, a fifth each. Grey band, the null: 95 % of these medians when the map of spacings is laid elsewhere on the sheet.");
  byId("scatter-about").textContent = told.join(" ");
  scatter.canvas.setAttribute("aria-label", `Scatter of ${fields[state.axisY].label} against ${fields[state.axisX].label}. ${told.join(" ")} The handles below select ranges.`);
}

function nearestPoint(x, y) {
  let best = null, least = 14 ** 2;
  for (const [px, py, unit] of scatter.points) {
    const apart = (px - x) ** 2 + (py - y) ** 2;
    if (apart < least) [least, best] = [apart, unit];
  }
  return best;
}

function listenScatter() {
  const canvas = scatter.canvas, place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = place(event);
    scatter.drag = { x0: x, y0: y, x1: x, y1: y, moved: false };
    if (drags(event)) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event), drag = scatter.drag;
    if (!drag || !drags(event)) {
      if (event.pointerType !== "touch") update({ cursor: nearestPoint(x, y) });
      return;
    }
    [drag.x1, drag.y1] = [x, y];
    drag.moved ||= Math.hypot(x - drag.x0, y - drag.y0) > 5;
    if (drag.moved) brushScatter(drag);
  });
  canvas.addEventListener("pointerup", (event) => {
    const drag = scatter.drag, unit = nearestPoint(...place(event));
    scatter.drag = null;
    if (drag && !drag.moved && unit !== null) update({ cursor: unit, pinned: state.pinned === unit ? null : unit });
    else update({});
  });
  canvas.addEventListener("pointercancel", () => (scatter.drag = null));
  canvas.addEventListener("pointerleave", () => {
    if (!scatter.drag) update({ cursor: null });
  });
}

function brushScatter({ x0, y0, x1, y1 }) {
  const ranges = { ...state.ranges };
  const between = (scale, first, last) => [scale.value(first), scale.value(last)].sort((a, b) => a - b);
  ranges[state.axisX] = extentOf(state.axisX) && between(scatter.x, x0, x1);
  ranges[state.axisY] = extentOf(state.axisY) && between(scatter.y, y0, y1);
  update({ ranges });
}

// --- handles ---

const STEPS = 1000;

function prepareRanges() {
  for (const key of RANGED) {
    const inputs = ["smallest", "largest"].map((end) =>
      element("input", { type: "range", min: 0, max: STEPS, id: `${end}-${key}` }));
    inputs.forEach((input, i) => {
      input.setAttribute("aria-label", `${i ? "Largest" : "Smallest"} ${fields[key].label} selected`);
      input.addEventListener("input", () => moveHandle(key, inputs));
    });
    const thumbs = element("div", { className: "thumbs" }, ...inputs);
    byId("ranges").append(element("div", { className: "range", id: `range-${key}` },
      element("p", { textContent: axisTitle(key) }), element("p", { className: "values" }), element("canvas"), thumbs));
  }
}

function moveHandle(key, inputs) {
  const [low, high] = extentOf(key), at = inputs.map((input) => Number(input.value)).sort((a, b) => a - b);
  const whole = at[0] === 0 && at[1] === STEPS;
  const range = at.map((place) => low + (place / STEPS) * (high - low));
  // The ends themselves, which rounding must not lose.
  if (at[0] === 0) range[0] = low;
  if (at[1] === STEPS) range[1] = high;
  update({ ranges: { ...state.ranges, [key]: whole ? null : range } });
}

function paintRanges(changed) {
  if (!["evaluation", "selection", "colours", "size"].some((part) => changed.has(part))) return;
  for (const key of RANGED) {
    const holder = byId(`range-${key}`), inputs = holder.querySelectorAll("input"), range = extentOf(key), field = fields[key];
    const chosen = state.ranges[key];
    inputs.forEach((input, i) => {
      input.disabled = !range;
      if (!range) return;
      const share = chosen ? (chosen[i] - range[0]) / (range[1] - range[0]) : i;
      input.value = Math.round(STEPS * Math.max(0, Math.min(1, share)));
      input.setAttribute("aria-valuetext", `${written(key, chosen ? chosen[i] : range[i])} ${field.unit}`);
    });
    const constant = key === "tau" && !run.tau ? "plain, tau = 1" : "one value or none";
    const [from, to] = (chosen ?? range ?? [0, 0]).map((value) => number(value, Math.min(2, field.digits)));
    holder.querySelector(".values").textContent = range ? `${from} to ${to}` : constant;
    holder.querySelector("canvas").hidden = holder.querySelector(".thumbs").hidden = !range;
    if (range) drawHistogram(holder.querySelector("canvas"), current(key), range);
  }
}

function drawHistogram(canvas, values, range) {
  const { context, width, height } = sharp(canvas);
  const bins = 40, all = new Float64Array(bins), inside = new Float64Array(bins), chosen = state.selected;
  for (let unit = 0; unit < run.units; unit++) {
    const bin = Math.min(bins - 1, Math.floor(((values[unit] - range[0]) / (range[1] - range[0])) * bins));
    if (!(bin >= 0)) continue;
    all[bin]++;
    if (!chosen || chosen.mask[unit]) inside[bin]++;
  }
  const most = Math.max(1, ...all), wide = (width - 12) / bins;
  for (const [counts, colour] of [[all, theme.line], [inside, theme.accent]]) {
    context.fillStyle = colour;
    counts.forEach((n, bin) => context.fillRect(6 + bin * wide, height - (n / most) * height, wide - 0.8, (n / most) * height));
  }
}
