// What the page says in words and tables.

function prepareText() {
  const last = data.evaluations[data.evaluations.length - 1];
  const kind = run.tau ? `${run.kind} network` : `${run.kind} network, tau = 1`;
  byId("about").textContent = `${kind} · ${run.side} × ${run.side} units · seed ${run.seed} · measured at step ${last.step} of ${run.steps}` +
    (run.preset ? ` · preset ${run.preset}` : "");
  facts();
  findings();
  byId("words").append(...WORDS.flatMap(([word, text]) => [element("dt", { textContent: word }), element("dd", { textContent: text })]));
  commands();
  table(byId("versions"), ["what", "version"], Object.entries(data.versions));
  byId("only-changed").addEventListener("change", settings);
  settings();
  table(byId("keys"), ["key", "what it does"], KEYS, (cell, text, column) => {
    if (column === 0) cell.append(...text.split(" / ").flatMap((key, i) => [i ? " " : "", element("kbd", { textContent: key })]));
    else cell.textContent = text;
  });
}

const KEYS = [
  ["← / → / ↑ / ↓", "on the sheet: go to the neighbouring unit; Page and Home, End go farther"],
  ["Enter", "on the sheet: pin the unit, or let it go"],
  ["Shift + arrows", "on the sheet: select a region"],
  ["Escape", "clear the selection, then the pin"],
  ["C / Shift C", "colour by the next or the previous field"],
  ["[ / ]", "the evaluation before or after"],
  ["P", "play the evaluations"],
  ["V", "rates of settled units, or from the first step"],
  ["N", "pin the unit with the next lower grid score"],
  ["S", "go to the sheet"],
  ["T", "theme: as the system, light, dark"],
  ["?", "these keys"],
];

const WORDS = [
  ["tau", "time constant of a unit, in steps: how slowly it forgets its activity"],
  ["grid score, score 60", "how much the autocorrelogram of a rate map repeats after turns of 60 degrees; hexagonal firing has high ones"],
  ["score 90", "the same for turns of 90 degrees: square firing"],
  ["null, noise", "surrogate maps: noise with the spatial period of each unit but without a lattice; the grid scores it reaches by chance"],
  ["gate, gate p", "test of a unit's grid score against its surrogate maps, and its p-value"],
  ["grid cell", "a unit that passes the gate with 5 % false discoveries over the whole sheet"],
  ["lattice", "six peaks around the centre of the autocorrelogram, which give spacing, orientation and phase; noise often has six, too"],
  ["settled", "counted once less than 1 % of any unit's start is left; from the first step on, slow units still remember their start"],
  ["theory", "the spacing that pattern-formation theory predicts from the width of the place fields"],
  ["sitting still", "the baseline: the error of a decoder that believes the animal never left its start"],
];

function facts() {
  byId("facts").append(...data.facts.map(([value, text]) => element("li", {}, element("b", { textContent: value }), element("span", { textContent: text }))));
}

function findings() {
  byId("notes").append(...data.notes.map((note) => element("li", { textContent: note })));
  byId("notes").hidden = !data.notes.length;
  for (const sentence of data.findings) {
    const end = sentence.indexOf(": ");
    byId("findings").append(element("dt", { textContent: sentence.slice(0, end) }), element("dd", { textContent: sentence.slice(end + 2) }));
  }
  if (!data.findings.length) byId("findings").append(element("dd", { textContent: "Nothing was measured at this step." }));
}

function commands() {
  for (const [what, command] of data.commands) {
    const code = element("code", { textContent: command }), copy = element("button", { type: "button", textContent: "Copy" });
    copy.setAttribute("aria-label", `Copy the command: ${what}`);
    copy.addEventListener("click", () => copyText(code, command, copy));
    byId("commands").append(element("div", { className: "command" }, element("span", { className: "quiet", textContent: what }), code, copy));
  }
}

// A page opened from disk may not reach the clipboard; the text is then marked, ready to be copied by hand.
async function copyText(code, text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1200);
  } catch {
    getSelection().selectAllChildren(code);
  }
}

function settings() {
  const chosen = data.settings.filter((one) => one.changed || !byId("only-changed").checked);
  const shown = chosen.map((one) => [one.group, one.name, one.value + (one.unit && one.value !== "-" ? ` ${one.unit}` : ""), one.help]);
  table(byId("settings"), ["group", "setting", "value", "meaning"], shown);
}

function table(holder, columns, lines, fill = (cell, text) => (cell.textContent = text)) {
  const head = element("tr", {}, ...columns.map((name) => element("th", { textContent: name, scope: "col" })));
  const body = lines.map((cells) => element("tr", {}, ...cells.map((text, column) => {
    const cell = element("td", { className: columns[column] === "value" ? "value" : "" });
    fill(cell, text, column);
    return cell;
  })));
  holder.replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}
