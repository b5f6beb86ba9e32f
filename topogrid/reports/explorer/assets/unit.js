// One unit: its rate map, its autocorrelogram, its numbers, its neighbours.

function sacOf(maps, unit) {
  maps.sacs ??= new Map();
  let found = maps.sacs.get(unit);
  if (!found) {
    found = autocorrelogram(shareMap(maps, unit), ...maps.bins);
    maps.sacs.set(unit, found);
  }
  return found;
}

function prepareUnit() {
  for (const [key, label] of rows) {
    byId("numbers").append(element("dt", { textContent: label }), element("dd", { id: `number-${key}` }));
  }
  for (let place = 0; place < 9; place++) {
    const button = element("button", { type: "button" }, element("canvas"), element("span"));
    button.addEventListener("click", () => {
      const unit = Number(button.dataset.unit);
      update({ cursor: unit, pinned: unit });
    });
    byId("near").append(button);
  }
  byId("pin").addEventListener("click", () => update({ pinned: state.pinned === null ? shownUnit() : null }));
  byId("next-best").addEventListener("click", nextBest);
}

// Go to the unit with the next lower grid score, to the best one after the last.
function nextBest() {
  const score = current("score_60"), order = ranking(score);
  const place = state.pinned === null ? -1 : order.indexOf(state.pinned);
  const unit = order[(place + 1) % order.length];
  update({ cursor: unit, pinned: unit });
  announce(unit, "pinned");
}

function ranking(score) {
  const value = (unit) => (Number.isFinite(score[unit]) ? score[unit] : -Infinity);
  return Array.from(score.keys()).sort((a, b) => value(b) - value(a) || a - b);
}

function paintUnit(changed) {
  if (!["unit", "colours", "maps", "size"].some((part) => changed.has(part))) return;
  const unit = shownUnit(), at = (key) => current(key)[unit];
  byId("unit-title").textContent = `Unit ${unit}`;
  const how = state.pinned !== null ? "pinned" : state.cursor !== null ? "under the cursor" : "highest grid score";
  byId("unit-place").textContent = `row ${Math.floor(unit / run.side)}, column ${unit % run.side}${moduleName(unit)} · ${how}`;
  byId("pin").setAttribute("aria-pressed", String(state.pinned !== null));
  byId("pin").textContent = state.pinned !== null ? "Pinned" : "Pin";
  const known = new Set(["tau", "tau_ms", "negative_share", ...Object.keys(currentView().measures)]);
  for (const [key, , write] of rows) byId(`number-${key}`).textContent = known.has(key) ? write(at) : "-";
  paintUnitMaps(unit);
  paintNear(unit);
}

// Modules are square patches of the sheet, numbered row by row.
function moduleName(unit) {
  if (run.modules === 1) return "";
  const across = run.side / run.modules, row = Math.floor(unit / run.side / across), col = Math.floor((unit % run.side) / across);
  return `, module ${row * run.modules + col}`;
}

function paintUnitMaps(unit) {
  const maps = currentMaps(), box = run.box.map((side) => `${side} m`).join(" × ");
  const rate = byId("rate-map"), sac = byId("sac");
  if (!maps) {
    const why = currentView().maps ? "Reading the maps …" : `No rate maps of step ${evaluation().step} in this page`;
    for (const canvas of [rate, sac]) blank(canvas, why);
    byId("rate-caption").textContent = currentView().maps ? "" : `They are in evaluation/step_${String(evaluation().step).padStart(8, "0")}.npz.`;
    byId("sac-caption").textContent = "";
    return;
  }
  const peak = unpack(maps.peak)[unit];
  drawMap(rate, shareMap(maps, unit), maps.bins, "viridis", unpack(maps.low)[unit] < 0 ? -1 : 0, 1);
  scaleBar(rate);
  rate.setAttribute("aria-label", `Rate map of unit ${unit}, peak ${rateText(peak)}`);
  byId("rate-caption").textContent = `Rate map, box ${box}; dark 0, bright ${rateText(peak)}`;
  const lags = maps.bins.map((bins) => 2 * bins - 1);
  drawMap(sac, sacOf(maps, unit), lags, "magma", -0.5, 1);
  const peaks = drawPeaks(sac, maps, unit);
  sac.setAttribute("aria-label", `Autocorrelogram of unit ${unit}, ${peaks ? "six peaks" : "no lattice"}`);
  byId("sac-caption").textContent = peaks ? "Autocorrelogram: the six peaks (circles), ring of the score (dashed)"
    : "Autocorrelogram: no six peaks; ring of the score (dashed)";
}

function drawMap(canvas, values, [width, height], table, low, high) {
  canvas.style.aspectRatio = `${run.box[0]} / ${run.box[1]}`;
  const { context, width: wide, height: high_ } = sharp(canvas);
  if (values.some(Number.isNaN)) hatch(context, 0, 0, wide, high_);
  context.imageSmoothingEnabled = false;
  context.drawImage(mapImage(values, width, height, table, low, high), 0, 0, wide, high_);
}

function blank(canvas, text) {
  canvas.style.aspectRatio = `${run.box[0]} / ${run.box[1]}`;
  const { context, width, height } = sharp(canvas);
  hatch(context, 0, 0, width, height, 9);
  context.fillStyle = theme.text;
  context.font = "13px system-ui, sans-serif";
  context.textAlign = "center";
  const words = text.split(" "), lines = [""];
  for (const word of words) {
    if (context.measureText(`${lines[lines.length - 1]} ${word}`).width > width - 24) lines.push("");
    lines[lines.length - 1] += ` ${word}`;
  }
  lines.forEach((words_, i) => context.fillText(words_.trim(), width / 2, height / 2 + 17 * (i - (lines.length - 1) / 2)));
  canvas.setAttribute("aria-label", text);
}

function scaleBar(canvas) {
  const context = canvas.getContext("2d"), [width, height] = sizeOf(canvas);
  const metres = run.box[0] > 1.2 ? 0.5 : run.box[0] / 4, long = (metres / run.box[0]) * width;
  for (const [grow, colour] of [[5, "#000"], [2.5, "#fff"]]) {
    context.strokeStyle = colour;
    context.lineWidth = grow;
    context.beginPath();
    line(context, 8, height - 9, 8 + long, height - 9);
    context.stroke();
  }
  haloText(context, `${short(metres)} m`, 8, height - 15);
}

function haloText(context, text, x, y) {
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

// Circles on the six peaks and the ring in which the grid score was taken; says whether there are peaks.
function drawPeaks(canvas, maps, unit) {
  const context = canvas.getContext("2d"), [width, height] = sizeOf(canvas);
  const [binsX, binsY] = maps.bins, lagX = (2 * binsX - 1) / binsX, lagY = (2 * binsY - 1) / binsY;
  const perMetre = [width / (lagX * run.box[0]), height / (lagY * run.box[1])];
  const side = Math.min(...run.box), outer = unpack(maps.ring)[unit];
  if (Number.isFinite(outer)) {
    for (const share of [run.ring_inner, outer]) ellipse(context, width / 2, height / 2, share * side * perMetre[0], share * side * perMetre[1]);
  }
  const [x0, y0, x2, y2] = maps.axes.map((axis) => unpack(axis)[unit]);
  if (!Number.isFinite(x0)) return false;
  for (const [x, y] of [[x0, y0], [x0 + x2, y0 + y2], [x2, y2]]) {
    for (const sign of [1, -1]) circle(context, width / 2 + sign * x * perMetre[0], height / 2 - sign * y * perMetre[1], 7);
  }
  return true;
}

function ellipse(context, x, y, radiusX, radiusY) {
  for (const [width, colour] of [[3, "rgba(0, 0, 0, 0.55)"], [1.3, "#fff"]]) {
    context.beginPath();
    context.setLineDash([5, 4]);
    context.ellipse(x, y, radiusX, radiusY, 0, 0, 7);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
  context.setLineDash([]);
}

function circle(context, x, y, radius) {
  for (const [width, colour] of [[5, "#000"], [2.2, "#fff"]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

// --- neighbours ---

function neighbours(unit) {
  const row = Math.floor(unit / run.side), col = unit % run.side, found = [];
  for (let down = -1; down <= 1; down++) {
    for (let right = -1; right <= 1; right++) {
      const inside = row + down >= 0 && row + down < run.side && col + right >= 0 && col + right < run.side;
      found.push(inside ? (row + down) * run.side + col + right : null);
    }
  }
  return found;
}

function paintNear(unit) {
  const maps = currentMaps(), key = state.field === "phase" ? "phase_1" : state.field, values = current(key);
  const around = neighbours(unit);
  [...byId("near").children].forEach((button, place) => {
    const other = around[place], [canvas, text] = button.children;
    button.className = other === null ? "edge" : other === unit ? "self" : "";
    button.disabled = other === null;
    if (other === null) return;
    button.dataset.unit = other;
    const value = Number.isFinite(values[other]) ? number(values[other], fields[key].digits) : "-";
    text.textContent = value;
    button.setAttribute("aria-label", `Unit ${other}, ${fields[key].label} ${value}`);
    thumbnail(canvas, maps, other);
  });
  byId("near-title").textContent = `Neighbours on the sheet, with their ${fields[key].label}`;
  const others = around.filter((other) => other !== null && other !== unit);
  byId("near-about").textContent = alike(unit, others, maps);
}

function thumbnail(canvas, maps, unit) {
  const [width, height] = maps ? maps.bins : [1, 1];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.style.aspectRatio = `${run.box[0]} / ${run.box[1]}`;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!maps) return;
  const low = unpack(maps.low)[unit] < 0 ? -1 : 0;
  context.drawImage(mapImage(shareMap(maps, unit), width, height, "viridis", low, 1), 0, 0);
}

function alike(unit, others, maps) {
  const told = [];
  if (maps && others.length) {
    const own = shareMap(maps, unit), r = others.map((other) => pearson(own, shareMap(maps, other))).filter(Number.isFinite);
    if (r.length) told.push(`Their rate maps correlate with this one by ${mean(r).toFixed(2)} on average.`);
  }
  for (const key of run.tau ? ["tau", "spacing"] : ["spacing"]) {
    const values = current(key), own = values[unit];
    const apart = others.map((other) => Math.abs(values[other] - own)).filter(Number.isFinite);
    if (apart.length) told.push(`Mean difference of ${fields[key].label}: ${mean(apart).toFixed(3)} ${fields[key].unit} (n ${apart.length}).`);
  }
  return told.join(" ");
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function pearson(first, second) {
  let n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  first.forEach((p, i) => {
    const q = second[i];
    if (Number.isNaN(p) || Number.isNaN(q)) return;
    n++;
    a += p;
    b += q;
    aa += p * p;
    bb += q * q;
    ab += p * q;
  });
  return (ab - (a * b) / n) / Math.sqrt((aa - (a * a) / n) * (bb - (b * b) / n));
}
