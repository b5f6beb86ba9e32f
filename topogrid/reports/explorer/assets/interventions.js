// What interventions predicted and what was measured, in words and tables.

function prepareInterventions() {
  const told = data.interventions;
  byId("interventions").hidden = !told;
  if (!told) return;
  const share = (value) => (value === null ? "-" : `${(100 * value).toFixed(1)} %`);
  table(byId("outcomes"), ["what was changed", "how", "median deviation", "units scoring above 0.8"],
    told.outcomes.map((one) => [one.name, `${one.about} ${one.note}`.trim(), share(one.median_deviation), share(one["score_above_0.8"])]));
  const rowsOf = (one) => one.predicted_m.map((predicted, module) => {
    const measured = one.measured_m[module] ?? NaN, before = one.before_m[module] ?? NaN, expected = predicted ?? NaN;
    return [one.name, String(module), number(before, 3), number(expected, 3), number(measured, 3), withUnit(100 * (measured / expected - 1), 1, "%")];
  });
  table(byId("outcome-modules"), ["what was changed", "module", "before (m)", "predicted (m)", "measured (m)", "deviation"],
    told.outcomes.flatMap(rowsOf));
  if (!told.picture) return;
  byId("interventions-picture").src = told.picture;
  byId("interventions-picture").hidden = false;
}
