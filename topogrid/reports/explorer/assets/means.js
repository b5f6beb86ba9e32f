// Mean maps of the selected units, summed a little at a time so that the page stays quick.

const MOST_AVERAGED = 1024; // units behind a mean autocorrelogram, evenly picked where more are selected
const SLICE_MS = 7;
const PAUSE_MS = 60; // while a brush moves, its means wait
const means = { job: 0 };

function paintMeans(changed) {
  if (!["selection", "evaluation", "maps", "size"].some((part) => changed.has(part))) return;
  const chosen = state.selected;
  byId("selected").textContent = chosen ? `${count(chosen.units.length)} of ${count(run.units)} units: ${describeSelection()}`
    : "Drag over the sheet or the scatter, or move the handles, to select units.";
  byId("clear").disabled = !chosen;
  byId("mean-map").closest(".maps").hidden = !chosen || !chosen.units.length;
  const job = ++means.job;
  setTimeout(() => {
    if (job !== means.job) return;
    listSelection(chosen);
    if (chosen && chosen.units.length) startMeans(chosen.units, job);
  }, PAUSE_MS);
}

function describeSelection() {
  const told = [];
  if (state.region) {
    const [top, left, bottom, right] = state.region;
    told.push(`rows ${top}-${bottom}, columns ${left}-${right}`);
  }
  for (const key of RANGED) {
    if (!state.ranges[key]) continue;
    const [low, high] = state.ranges[key].map((value) => written(key, value));
    told.push(`${fields[key].label} ${low} to ${high}${fields[key].unit ? ` ${fields[key].unit}` : ""}`);
  }
  return told.join("; ");
}

function listSelection(chosen) {
  const list = byId("selected-numbers");
  list.replaceChildren();
  if (!chosen || !chosen.units.length) return;
  const of = (key) => chosen.units.map((unit) => current(key)[unit]);
  const spacing = of("spacing"), there = spacing.filter(Number.isFinite).length;
  const cells = of("grid_cell").reduce((sum, cell) => sum + cell, 0);
  const entries = [
    ["median tau", withUnit(median(of("tau")), 2, "steps")],
    ["median score 60", number(median(of("score_60")), 3)],
    ["median spacing", withUnit(median(spacing), 3, "m")],
    ["with a lattice", `${count(there)} (${((100 * there) / spacing.length).toFixed(1)} %)`],
    ["grid cells", wasGated() ? count(cells) : "-"],
  ];
  for (const [name, value] of entries) list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
}

function startMeans(units, job) {
  const maps = currentMaps();
  if (!maps) {
    for (const name of ["mean-map", "mean-sac"]) blank(byId(name), "No rate maps of this step in the page");
    byId("mean-caption").textContent = byId("mean-sac-caption").textContent = "";
    return;
  }
  const size = maps.bins[0] * maps.bins[1], sums = new Float64Array(size), counts = new Uint32Array(size);
  for (const unit of units) {
    shareMap(maps, unit).forEach((share, i) => {
      if (Number.isNaN(share)) return;
      sums[i] += share;
      counts[i]++;
    });
  }
  const average = Float32Array.from(sums, (sum, i) => (counts[i] ? sum / counts[i] : NaN));
  const seen = average.filter(Number.isFinite), low = Math.min(...seen), high = Math.max(...seen);
  drawMap(byId("mean-map"), average, maps.bins, "viridis", low, high > low ? high : low + 1);
  byId("mean-map").setAttribute("aria-label", `Mean rate map of ${units.length} units`);
  byId("mean-caption").textContent = `Mean of ${count(units.length)} rate maps, each to its own peak; ${low.toFixed(2)} to ${high.toFixed(2)}`;
  averageSacs(maps, evenly(units, MOST_AVERAGED), job);
}

function evenly(units, most) {
  if (units.length <= most) return units;
  return Array.from({ length: most }, (_, i) => units[Math.floor((i * units.length) / most)]);
}

function averageSacs(maps, units, job) {
  const lags = maps.bins.map((bins) => 2 * bins - 1), sum = new Float64Array(lags[0] * lags[1]);
  let done = 0, nextLook = 0;
  const slice = () => {
    if (job !== means.job) return;
    const until = performance.now() + SLICE_MS;
    while (done < units.length && performance.now() < until) {
      const sac = autocorrelogram(shareMap(maps, units[done]), ...maps.bins);
      for (let i = 0; i < sum.length; i++) sum[i] += sac[i];
      done++;
    }
    if (performance.now() > nextLook || done === units.length) {
      drawMap(byId("mean-sac"), sum.map((total) => total / done), lags, "magma", -0.5, 1);
      nextLook = performance.now() + 150;
    }
    if (done < units.length) {
      byId("mean-sac-caption").textContent = `Averaging autocorrelograms: ${count(done)} of ${count(units.length)}`;
      setTimeout(slice);
      return;
    }
    byId("mean-sac").setAttribute("aria-label", `Mean autocorrelogram of ${done} units`);
    byId("mean-sac-caption").textContent = `Mean of ${count(done)} autocorrelograms${done === MOST_AVERAGED ? ", evenly picked" : ""}`;
  };
  setTimeout(slice);
}
