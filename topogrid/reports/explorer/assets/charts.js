// Learning curves as vector drawings; a click goes to the evaluation nearest to that step.

const SVG = "http://www.w3.org/2000/svg";
const FRAME = { width: 360, height: 190, left: 52, right: 8, top: 8, bottom: 30 };

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const charts = [];

function prepareCharts() {
  for (const chart of data.charts) charts.push(makeChart({ ...chart, across: "step", steps: true }));
  const walks = data.long_walks, finite = (values = []) => values.map((value, i) => [walks.seconds[i], value]).filter((p) => p[1] !== null);
  const series = [["error", "network, mean", "main"], ["median", "median", "faint"], ["feedback", "with feedback, mean", "second"],
    ["hold_still", "sitting still", "null"], ["middle", "guessing the middle", "null2"]].map(([key, label, look]) => {
    const points = finite(walks[key]);
    return { label, look, steps: points.map((p) => p[0]), values: points.map((p) => p[1]) };
  }).filter((line_) => line_.steps.length);
  if (series.length) {
    charts.push(makeChart({ title: `Error along long walks, step ${run.step}`, unit: "cm", log: false, level: null, series,
      across: "s", area: { x: walks.seconds, low: walks.low, high: walks.high, label: "middle half of walks" } }));
  }
  byId("charts").append(...charts.map((chart) => chart.holder));
}

function makeChart(chart) {
  const values = chart.series.flatMap((line_) => line_.values).filter((value) => !chart.log || value > 0);
  const steps = chart.series.flatMap((line_) => line_.steps);
  if (chart.level !== null) values.push(chart.level.value);
  if (chart.area) values.push(...chart.area.high.filter((value) => value !== null));
  const x = plainScale(smallest(steps), largest(steps), FRAME.left, FRAME.width - FRAME.right, false);
  const fromZero = chart.unit.startsWith("%") || chart.unit === "cm" || chart.unit === "";
  const low = chart.log || !fromZero ? smallest(values) : 0;
  const y = plainScale(low, largest(values), FRAME.height - FRAME.bottom, FRAME.top, chart.log);
  const drawing = svg("svg", { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, tabindex: 0, role: "img", preserveAspectRatio: "none" });
  drawing.setAttribute("preserveAspectRatio", "xMidYMid meet");
  drawFrame(drawing, x, y, chart);
  if (chart.area) drawing.append(areaOf(chart.area, x, y));
  if (chart.level !== null) drawing.append(levelOf(chart.level, x, y));
  for (const line_ of chart.series) drawing.append(...curve(line_, x, y, chart));
  const now = svg("line", { class: "now", y1: FRAME.top, y2: FRAME.height - FRAME.bottom });
  const cursor = svg("line", { class: "grid", y1: FRAME.top, y2: FRAME.height - FRAME.bottom, visibility: "hidden" });
  drawing.append(cursor, now);
  const title = chart.title + (chart.unit ? `, ${chart.unit}` : "");
  drawing.setAttribute("aria-label", `${title}. ${readOut(chart, x.stop)}`);
  const output = element("output", {});
  const made = { ...chart, x, drawing, now, cursor, output, at: null };
  made.holder = element("div", { className: "chart" }, element("h3", { textContent: title }), legend(chart), drawing, output);
  listenChart(made);
  return made;
}

const smallest = (values) => values.reduce((least, value) => Math.min(least, value), Infinity);
const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);

function plainScale(low, high, from, to, log) {
  if (!(high > low)) [low, high] = log ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
  const form = log ? Math.log : (value) => value, room = 0.03 * (form(high) - form(low));
  const start = form(low) - (low === 0 ? 0 : room), stop = form(high) + room;
  const place = (value) => from + ((form(value) - start) / (stop - start)) * (to - from);
  return { place, low, high, stop: high, log, value: (at) => start + ((at - from) / (to - from)) * (stop - start) };
}

function drawFrame(drawing, x, y, chart) {
  const bottom = FRAME.height - FRAME.bottom;
  for (const value of y.log ? logTicks(y.low, y.high) : ticks(y.low, y.high, 4)) {
    const at = y.place(value);
    drawing.append(svg("line", { class: "grid", x1: FRAME.left, x2: FRAME.width - FRAME.right, y1: at, y2: at }));
    drawing.append(svg("text", { class: "tick", x: FRAME.left - 5, y: at + 4, "text-anchor": "end" }, short(value)));
  }
  for (const value of ticks(x.low, x.high, 5)) {
    drawing.append(svg("text", { class: "tick", x: x.place(value), y: bottom + 14, "text-anchor": "middle" }, short(value)));
  }
  const middle = (FRAME.left + FRAME.width - FRAME.right) / 2;
  drawing.append(svg("text", { class: "tick", x: middle, y: FRAME.height - 3, "text-anchor": "middle" }, chart.steps ? "training step" : "seconds of walking"));
}

// Round numbers on a logarithmic axis, closer together where it spans little, so that there are three at least.
function logTicks(low, high) {
  for (const between of [[1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]]) {
    const found = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
      for (const m of between) if (m * power >= low && m * power <= high) found.push(Number((m * power).toPrecision(12)));
    }
    if (found.length >= 3) return found;
  }
  return ticks(low, high, 4);
}

function curve(line_, x, y, chart) {
  const points = line_.steps.map((step, i) => [step, line_.values[i]]).filter((point) => !chart.log || point[1] > 0);
  const path = points.map((point, i) => `${i ? "L" : "M"}${x.place(point[0]).toFixed(1)} ${y.place(point[1]).toFixed(1)}`).join("");
  const drawn = [svg("path", { class: `line ${line_.look}`, d: path })];
  if (points.length > 30) return drawn;
  return drawn.concat(points.map(([step, value]) => svg("circle", { class: `dot ${line_.look}`, cx: x.place(step), cy: y.place(value), r: 2.6 })));
}

// What a network that has learned nothing has, from the step on at which there is something like it.
function levelOf(level, x, y) {
  const at = y.place(level.value);
  return svg("line", { class: "level", x1: Math.max(FRAME.left, x.place(level.first)), x2: FRAME.width - FRAME.right, y1: at, y2: at });
}

function areaOf(area, x, y) {
  const there = area.x.map((_, i) => i).filter((i) => area.low[i] !== null && area.high[i] !== null);
  const corner = (i, values) => `${x.place(area.x[i]).toFixed(1)} ${y.place(values[i]).toFixed(1)}`;
  const path = there.map((i) => corner(i, area.high)).concat(there.reverse().map((i) => corner(i, area.low)));
  return svg("path", { class: "area", d: path.length ? `M${path.join("L")}Z` : "" });
}

function legend(chart) {
  const entry = (look, label) => {
    const sample = svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, svg(look === "area" ? "rect" : "line",
      look === "area" ? { class: "area", x: 0, y: 0, width: 26, height: 10 } : { class: `line ${look}`, x1: 0, x2: 26, y1: 5, y2: 5 }));
    return element("span", {}, sample, label);
  };
  const entries = chart.series.map((line_) => entry(line_.look, line_.label));
  if (chart.level !== null) entries.push(entry("level", "nothing learned"));
  if (chart.area) entries.push(entry("area", chart.area.label));
  return element("p", { className: "legend" }, ...entries);
}

function readOut(chart, at) {
  const nearest = (line_) => line_.steps.reduce((best, step, i) => (Math.abs(step - at) < Math.abs(line_.steps[best] - at) ? i : best), 0);
  const told = chart.series.map((line_) => {
    const i = nearest(line_);
    return `${line_.label} ${short(Number(line_.values[i].toPrecision(4)))}`;
  });
  const step = chart.series[0].steps[nearest(chart.series[0])];
  return `${chart.steps ? `step ${step}` : `${short(step)} s`}: ${told.join(", ")}`;
}

function showAt(chart, at) {
  chart.at = at;
  const place = chart.x.place(at);
  for (const end of ["x1", "x2"]) chart.cursor.setAttribute(end, place);
  chart.cursor.setAttribute("visibility", "visible");
  chart.output.textContent = readOut(chart, at);
}

function listenChart(chart) {
  const under = (event) => {
    const box = chart.drawing.getBoundingClientRect(), scale = Math.min(box.width / FRAME.width, box.height / FRAME.height);
    const at = (event.clientX - box.left - (box.width - scale * FRAME.width) / 2) / scale;
    return Math.max(chart.x.low, Math.min(chart.x.high, chart.x.value(at)));
  };
  chart.drawing.addEventListener("pointermove", (event) => showAt(chart, under(event)));
  chart.drawing.addEventListener("click", (event) => chart.steps && update({ step: nearestEvaluation(under(event)) }));
  chart.drawing.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    const steps = chart.series[0].steps, at = chart.at ?? steps[steps.length - 1];
    const here = steps.reduce((best, step, i) => (Math.abs(step - at) < Math.abs(steps[best] - at) ? i : best), 0);
    showAt(chart, steps[Math.max(0, Math.min(steps.length - 1, here + way))]);
    event.preventDefault();
  });
}

function nearestEvaluation(step) {
  const steps = data.evaluations.map((each) => each.step);
  return steps.reduce((best, each, i) => (Math.abs(each - step) < Math.abs(steps[best] - step) ? i : best), 0);
}

function paintCharts(changed) {
  if (!changed.has("evaluation")) return;
  for (const chart of charts) {
    const at = chart.steps ? chart.x.place(Math.max(chart.x.low, evaluation().step)) : null;
    chart.now.setAttribute("visibility", chart.steps && data.evaluations.length > 1 ? "visible" : "hidden");
    for (const end of ["x1", "x2"]) if (at !== null) chart.now.setAttribute(end, at);
  }
}
