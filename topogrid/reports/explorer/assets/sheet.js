// The sheet in colour: one square a unit, row 0 at the top.

const sheet = { canvas: byId("sheet"), base: document.createElement("canvas"), drag: null, anchor: null };

// Colours of all units for the chosen field; -1 where it was not measured.
function colours(key, values, more) {
  const [low, high] = limitsOf(key, state.view), field = fields[key];
  const table = field.period ? "circular" : state.palette;
  return Int32Array.from(values, (value, unit) => {
    if (!Number.isFinite(value)) return -1;
    if (key === "phase") return torusColour(value, more[unit]);
    return tableColour(table, (value - low) / (high - low));
  });
}

function paintSheet(changed) {
  if (changed.has("colours") || changed.has("selection") || changed.has("size")) rebuildSheet();
  const { context, width } = sharp(sheet.canvas);
  context.drawImage(sheet.base, 0, 0, width, width);
  const cell = width / run.side;
  const here = state.cursor ?? (state.pinned === null ? best : null);
  if (here !== null) ringCell(context, here, cell, Math.max(2, Math.min(4, cell / 5)), theme.text, theme.card);
  if (state.pinned !== null) {
    ringCell(context, state.pinned, cell, Math.max(3, Math.min(5, cell / 3)), theme.mark, theme.card);
    pinFlag(context, state.pinned, cell);
  }
  if (sheet.drag?.moved) ringRegion(context, state.region, cell);
  if (changed.has("colours") || changed.has("unit") || changed.has("size")) paintBar();
}

function rebuildSheet() {
  const values = current(state.field), more = state.field === "phase" ? current("phase_2") : null;
  const found = colours(state.field, values, more), back = rgbOf(theme.card), chosen = state.selected;
  const image = imageOf(run.side, run.side, (unit) => {
    if (found[unit] < 0) return null;
    return chosen && !chosen.mask[unit] ? mix(found[unit], back, 0.66) : found[unit];
  });
  const size = Math.round(sizeOf(sheet.canvas)[0] * (window.devicePixelRatio || 1));
  sheet.base.width = sheet.base.height = size;
  const context = sheet.base.getContext("2d");
  if (found.includes(-1)) hatch(context, 0, 0, size, size, Math.max(5, Math.min(12, size / run.side)));
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, size, size);
  moduleBorders(context, size);
  if (chosen) outline(context, chosen.mask, size / run.side);
}

// Lines between modules, dark on light so that they are seen on every colour.
function moduleBorders(context, size) {
  context.beginPath();
  for (let i = 1; i < run.modules; i++) {
    const at = Math.round((i * size) / run.modules);
    line(context, at, 0, at, size);
    line(context, 0, at, size, at);
  }
  const ratio = window.devicePixelRatio || 1;
  for (const [width, colour] of [[2.4 * ratio, "#fff"], [ratio, "#202020"]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

// A line between units that are selected and those that are not: a cue beside the colours.
function outline(context, mask, cell) {
  const side = run.side, at = (row, col) => row >= 0 && col >= 0 && row < side && col < side && mask[row * side + col] === 1;
  context.beginPath();
  for (let row = 0; row <= side; row++) {
    for (let col = 0; col <= side; col++) {
      const here = at(row, col);
      if (here !== at(row - 1, col)) line(context, col * cell, row * cell, (col + 1) * cell, row * cell);
      if (here !== at(row, col - 1)) line(context, col * cell, row * cell, col * cell, (row + 1) * cell);
    }
  }
  context.strokeStyle = theme.text;
  context.lineWidth = Math.max(1.5, cell / 7);
  context.stroke();
}

function line(context, x0, y0, x1, y1) {
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
}

function ringCell(context, unit, cell, width, colour, halo) {
  const x = (unit % run.side) * cell, y = Math.floor(unit / run.side) * cell;
  for (const [grow, stroke] of [[width + 2, halo], [width, colour]]) {
    context.strokeStyle = stroke;
    context.lineWidth = grow;
    context.strokeRect(x - width / 2, y - width / 2, cell + width, cell + width);
  }
}

// A pin above the pinned unit, so that its ring is not told from the cursor's by colour alone.
function pinFlag(context, unit, cell) {
  const x = ((unit % run.side) + 0.5) * cell, y = Math.floor(unit / run.side) * cell;
  const up = y > 22 ? -1 : 1, foot = up < 0 ? y - 3 : y + cell + 3;
  context.beginPath();
  context.moveTo(x, foot);
  context.lineTo(x - 6, foot + up * 13);
  context.lineTo(x + 6, foot + up * 13);
  context.closePath();
  context.fillStyle = theme.mark;
  context.strokeStyle = theme.card;
  context.lineWidth = 2;
  context.stroke();
  context.fill();
}

function ringRegion(context, region, cell) {
  if (!region) return;
  context.setLineDash([5, 4]);
  context.strokeStyle = theme.mark;
  context.lineWidth = 2;
  const [top, left, bottom, right] = region;
  context.strokeRect(left * cell, top * cell, (right - left + 1) * cell, (bottom - top + 1) * cell);
  context.setLineDash([]);
}

// --- colour bar ---

function paintBar() {
  const bar = byId("bar"), wanted = state.field === "phase" ? "torus" : "scale";
  if (bar.dataset.kind !== wanted) {
    bar.dataset.kind = wanted;
    bar.replaceChildren();
    const holder = element("div", { className: wanted === "scale" ? "scale" : "" });
    holder.append(element("canvas", { className: wanted === "torus" ? "torus" : "" }));
    bar.append(holder, element("div", { className: "key" }, element("span", { className: "swatch" }), element("span")));
  }
  const canvas = bar.querySelector("canvas");
  if (wanted === "torus") paintTorus(canvas);
  else paintScale(canvas);
  const missing = current(state.field).reduce((count, value) => count + !Number.isFinite(value), 0);
  const key = bar.querySelector(".key");
  key.hidden = missing === 0;
  key.lastChild.textContent = `${fields[state.field].missing}: ${count(missing)} (${(100 * missing / run.units).toFixed(1)} %)`;
}

function paintScale(canvas) {
  const { context, width } = sharp(canvas), field = fields[state.field];
  const [low, high] = limitsOf(state.field, state.view), table = field.period ? "circular" : state.palette;
  const left = 8, right = width - 14, place = (value) => left + ((value - low) / (high - low)) * (right - left);
  const strip = imageOf(256, 1, (i) => tableColour(table, i / 255));
  context.imageSmoothingEnabled = false;
  context.drawImage(strip, left, 12, right - left, 12);
  context.strokeStyle = context.fillStyle = theme.quiet;
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.lineWidth = 1;
  const told = (value) => (state.field === "tau" ? [short(value), `${short(ms(value))} ms`] : [short(Number(value.toPrecision(3)))]);
  const marks = ticks(low, high, Math.max(3, width / 90));
  if (place(marks[0]) - place(low) > 44) marks.unshift(low);
  let free = -Infinity;
  for (const value of marks) {
    context.beginPath();
    line(context, place(value), 24, place(value), 29);
    context.stroke();
    const half = Math.max(...told(value).map((text) => context.measureText(text).width)) / 2;
    const at = Math.max(half, Math.min(place(value), width - half)); // whole, also at the ends
    if (at - half < free) continue; // a mark without a number rather than two that touch
    told(value).forEach((text, i) => context.fillText(text, at, 40 + 14 * i));
    free = at + half + 6;
  }
  const unit = field.unit ? ` (${field.unit})` : "";
  if (state.field !== "tau") context.fillText(`${field.label}${unit}`, (left + right) / 2, 54);
  const value = current(state.field)[shownUnit()];
  if (Number.isFinite(value)) marker(context, Math.max(left, Math.min(right, place(value))), 11);
}

function marker(context, x, y) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 6, y - 10);
  context.lineTo(x + 6, y - 10);
  context.closePath();
  context.fillStyle = theme.mark;
  context.fill();
}

function paintTorus(canvas) {
  const { context, width, height } = sharp(canvas);
  const image = imageOf(24, 24, (i) => torusColour(((i % 24) + 0.5) / 24, 1 - (Math.floor(i / 24) + 0.5) / 24));
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 14, 0, width - 14, height - 14);
  context.fillStyle = theme.quiet;
  context.font = "11px system-ui, sans-serif";
  context.fillText("phase 1 →", 18, height - 2);
  context.save();
  context.translate(10, height - 18);
  context.rotate(-Math.PI / 2);
  context.fillText("phase 2 →", 0, 0);
  context.restore();
  const unit = shownUnit(), first = current("phase_1")[unit], second = current("phase_2")[unit];
  if (!Number.isFinite(first)) return;
  context.beginPath();
  context.arc(14 + first * (width - 14), (1 - second) * (height - 14), 4, 0, 7);
  context.strokeStyle = "#000";
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.stroke();
}

// --- mouse, finger and keys ---

function unitAt(event) {
  const box = sheet.canvas.getBoundingClientRect();
  const col = Math.floor(((event.clientX - box.left) / box.width) * run.side);
  const row = Math.floor(((event.clientY - box.top) / box.height) * run.side);
  const inside = (at) => Math.max(0, Math.min(run.side - 1, at));
  return inside(row) * run.side + inside(col);
}

function regionOf(first, last) {
  const rowsOf = [first, last].map((unit) => Math.floor(unit / run.side)), cols = [first, last].map((unit) => unit % run.side);
  return [Math.min(...rowsOf), Math.min(...cols), Math.max(...rowsOf), Math.max(...cols)];
}

const drags = (event) => event.pointerType !== "touch" || state.touchBrush;

function listenSheet() {
  const canvas = sheet.canvas;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    sheet.drag = { from: unitAt(event), x: event.clientX, y: event.clientY, moved: false };
    if (drags(event)) canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const unit = unitAt(event), drag = sheet.drag;
    if (drag && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 5) drag.moved = true;
    if (drag?.moved && drags(event)) update({ cursor: unit, region: regionOf(drag.from, unit) });
    else if (event.pointerType !== "touch") update({ cursor: unit });
  });
  canvas.addEventListener("pointerup", (event) => {
    const unit = unitAt(event), drag = sheet.drag;
    sheet.drag = null;
    if (!drag) return;
    if (!drag.moved) update({ cursor: unit, pinned: state.pinned === unit ? null : unit });
    else update({ cursor: unit });
  });
  canvas.addEventListener("pointercancel", () => (sheet.drag = null));
  canvas.addEventListener("pointerleave", (event) => {
    if (!sheet.drag && event.pointerType !== "touch" && document.activeElement !== canvas) update({ cursor: null });
  });
  canvas.addEventListener("keydown", sheetKey);
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-8, 0],
  PageDown: [8, 0], Home: [0, -1e6], End: [0, 1e6] };

function sheetKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const from = state.cursor ?? shownUnit();
  if (event.key in MOVES) {
    const [down, right] = MOVES[event.key], last = run.side - 1;
    const row = Math.max(0, Math.min(last, Math.floor(from / run.side) + down));
    const col = Math.max(0, Math.min(last, (from % run.side) + right));
    const unit = row * run.side + col;
    if (event.shiftKey) {
      sheet.anchor ??= from;
      update({ cursor: unit, region: regionOf(sheet.anchor, unit) });
    } else {
      sheet.anchor = null;
      update({ cursor: unit });
    }
    announce(unit);
  } else if (event.key === "Enter" || event.key === " ") {
    update({ cursor: from, pinned: state.pinned === from ? null : from });
    announce(from, state.pinned === from ? "pinned" : "not pinned");
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function announce(unit, more = "") {
  const key = state.field === "phase" ? "phase_1" : state.field, field = fields[key];
  const value = current(key)[unit];
  const text = Number.isFinite(value) ? `${field.label} ${written(state.field, value)} ${field.unit}` : field.missing;
  byId("announce").textContent = `Unit ${unit}, row ${Math.floor(unit / run.side)}, column ${unit % run.side}: ${text}. ${more}`;
}
