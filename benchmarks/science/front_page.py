"""What README.md and the site say of published runs and of the study: sentences and tables, all from the records."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.science.records import MOMENTS, Record, errors, number, slope
from topogrid.study.records import read_record as read_study_record
from topogrid.study.sentences import sentences
from topogrid.tables import to_markdown

STUDY = Path("docs/study/records")
_STUDY_SENTENCES = 5

COLUMNS = (
    "4,096 units", "grid cells", "GS > 0.8 (surrogates)", "slope", "error, cm, after 0.4 / 2 / 10 / 60 s",
    "with feedback", "best guess, cm", "minutes",
)  # fmt: skip
TIMES = Path("docs/performance_time_to_bar.json")


def ladder(records: Sequence[Record]) -> str:
    """Return the table of the full sheets, for a document in docs/."""
    return to_markdown(list(COLUMNS), [_row(one) for one in records], marked_up=True)


def _row(one: Record) -> list[str]:
    without, fed = errors(one, ""), errors(one, "feedback_")
    if without == "-":
        without = f"{number(one, 'validation/long_error_cm', '.0f')} along 10 s"
    return [
        f"[{one.name}](../tau_imgs/{one.name})",
        f"{number(one, 'validation/share_gate', '.1f', 100)} %",
        f"{number(one, 'validation/share_above_0.8', '.0f', 100)} % "
        f"({number(one, 'validation/null_share_above_0.8', '.0f', 100)} %)",
        slope(one) if one.config.get("tau") else "-",
        without,
        fed,
        best_guesses(one),
        f"{number(one, 'perf/minutes', '.0f')}, {hardware(one)}",
    ]


def long_training(records: Sequence[Record]) -> str:
    """Return the table of learned sheets that were trained for different numbers of steps."""
    columns = [
        "run", "steps", "length of walks", "size held after", "grid cells", "spacing, median, m", "slope", COLUMNS[4],
        "with feedback",
    ]  # fmt: skip
    rows = [
        [
            f"[{one.name}](../tau_imgs/{one.name})",
            f"{one.config['steps']:,}",
            walk_lengths(one),
            held_after(one),
            f"{number(one, 'validation/share_gate', '.1f', 100)} %",
            number(one, "validation/spacing_median_m", ".2f"),
            slope(one),
            errors(one, ""),
            errors(one, "feedback_"),
        ]
        for one in sorted(records, key=lambda one: (one.config["n_grid_cells"], one.config["steps"]))
    ]
    return to_markdown(columns, rows, marked_up=True)


def walk_lengths(record: Record) -> str:
    """Write how long the walks were, in steps, that modules learned from."""
    late = record.config.get("late_steps", 0)
    return f"{record.config['seq_length']}" + (f", then {record.config['late_length']}" if late else "")


def held_after(record: Record) -> str:
    """Write after how many steps of the modules a run held the size of their movement weights."""
    free = record.config.get("movement_free_steps", math.inf)
    learning = record.config["steps"] - record.config["readout_steps"]
    return f"{free:,}" if free < learning else "never"


def hardware(record: Record) -> str:
    """Write what a run had to compute with: cores, their vector instructions, and bf16 where it was used."""
    cores = record.config["threads"] or "all"
    bf16 = ", bf16" if record.versions["precision"] == "bf16" else ""
    return f"{cores} core{'' if cores == 1 else 's'}, {record.versions['cpu_capability']}{bf16}"


def minutes(_records: Sequence[Record]) -> str:
    """Return a table of how long recipes with modules take on a CPU, as `benchmarks.speed.time_to_bar` timed them."""
    timed = [run for run in json.loads(TIMES.read_text(encoding="utf-8"))["runs"] if not run["gpu"]]
    rows = [[f"`{run['command']}`", f"{run['minutes']:.1f}", run["machine"]] for run in timed]
    return to_markdown(["settings", "minutes, from the command to its report", "measured"], rows, marked_up=True)


def best_guesses(record: Record) -> str:
    """Write the error of the better of two guesses, sitting still and the middle of the box, where it was measured."""
    told = []
    for moment in MOMENTS:
        guesses = [record.summary.get(f"validation/error_{moment}s_{guess}_cm") for guess in ("hold_still", "middle")]
        known = [value for value in guesses if value is not None and math.isfinite(value)]
        told.append(f"{min(known):.0f}" if known else "-")
    if set(told) == {"-"}:
        return f"{number(record, 'validation/hold_still_error_cm', '.0f')} along 10 s"
    return " / ".join(told)


def share_of_prediction(record: Record, change: str) -> float:
    """Return how much of a predicted change of spacing came about, over the modules of a network.

    Parameters
    ----------
    record : Record
        A run with `headline.json`.
    change : str
        Name of the intervention.

    Returns
    -------
    float
        Slope of log (measured / before) on log (predicted / before), through the origin: 1 where every module does as
        predicted, 0 where nothing changes. NaN where the change was not measured.
    """
    for outcome in record.headline:
        if outcome["name"] == change:
            triples = zip(outcome["before_m"], outcome["predicted_m"], outcome["measured_m"], strict=True)
            logs = [(math.log(p / b), math.log(m / b)) for b, p, m in triples if None not in (b, p, m)]
            asked = sum(x * x for x, _ in logs)
            return sum(x * y for x, y in logs) / asked if asked else math.nan
    return math.nan


def found_by_study(_records: Sequence[Record]) -> str:
    """Return the sentences of the study, from the records of its networks.

    Raises
    ------
    ValueError
        If one of the five cannot be said yet.
    """
    said = sentences([read_study_record(path) for path in sorted(STUDY.glob("*.json"))])
    if len(said) != _STUDY_SENTENCES:
        raise ValueError(f"the networks in {STUDY} are enough for {len(said)} of {_STUDY_SENTENCES} sentences")
    return "\n".join(f"* {sentence}" for sentence in said)


def found(records: Sequence[Record]) -> str:
    """Return five sentences on what the published runs show, each with what it is compared with."""
    runs = {one.name: one for one in records}
    return "\n".join(f"* {sentence(runs)}" for sentence in SENTENCES)


def _dense(runs: Mapping[str, Record]) -> str:
    plain, tau = runs["dense64-plain"], runs["dense64-tau"]
    lattices = round((1 - tau.summary["validation/spacing_nan_share"]) * tau.config["n_grid_cells"])
    return (
        f"**All units connected to all**: {number(plain, 'validation/share_gate', '.1f', 100)} % of units without and "
        f"{number(tau, 'validation/share_gate', '.1f', 100)} % with time constants pass the grid-cell test, and over "
        f"10 s the position is {number(plain, 'validation/long_error_cm', '.0f')} and "
        f"{number(tau, 'validation/long_error_cm', '.0f')} cm off on average, against "
        f"{number(plain, 'validation/hold_still_error_cm', '.0f')} cm for a decoder that never updates its position; "
        f"Spearman's rho between tau and spacing is {number(tau, 'validation/lattices/tau_spacing_rho', '.2f')} "
        f"over the {lattices} units with a lattice, {number(tau, 'validation/n_grid_cell_spacings', '.0f')} of "
        "them grid cells "
        f"(p = {number(tau, 'validation/lattices/tau_spacing_p', '.2f')}, against shifted sheets)."
    )


def _modules(run: Record, name: str, remark: str) -> str:
    def after(form: str, key: str) -> str:
        return " and ".join(number(run, f"validation/{key.format(moment)}_cm", form) for moment in ("10s", "60s"))

    fed = run.config.get("place_feedback_code", "predicted")
    return (
        f"**{name}**: {number(run, 'validation/share_gate', '.1f', 100)} % of units pass, the slope of log spacing on "
        f"log tau over {number(run, 'validation/n_modules_with_spacing', '.0f')} modules is {slope(run)}, and after "
        f"10 and 60 s the position is {after('.1f', 'error_{}')} cm off, with feedback from the {fed} place code "
        f"{after('.1f', 'feedback_error_{}')} cm (guessing the middle of the box: "
        f"{after('.0f', 'error_{}_middle')} cm; a perfect place code: "
        f"{number(run, 'validation/floor_error_cm', '.1f')} cm){remark}."
    )


def _learned(runs: Mapping[str, Record]) -> str:
    return _modules(runs["sheet64-learned"], "Modules that learn", "; their lattices are learned")


def _attractor(runs: Mapping[str, Record]) -> str:
    return _modules(
        runs["sheet64-attractor"], "Modules wired as attractors", "; their lattices are there by construction"
    )


def _interventions(runs: Mapping[str, Record]) -> str:
    def told(run: str) -> str:
        up, turned = (share_of_prediction(runs[run], change) for change in ("tau_x1.25", "tau_reversed"))
        return f"{100 * up:.0f} % and {100 * turned:.0f} %"

    return (
        "**Tau changed after training**: multiplying every tau by 1.25, and reversing the map of tau over modules, "
        f"bring about {told('sheet64-attractor')} of the predicted change of log spacing in attractor modules and "
        f"{told('sheet64-learned')} in learned modules."
    )


def _seeds(runs: Mapping[str, Record]) -> str:
    def slopes(wiring: str) -> str:
        values = [runs[f"laptop-{wiring}-seed{seed}"].summary["validation/module_scaling_slope"] for seed in range(3)]
        return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"

    return (
        f"**Three seeds** of a 36x36 sheet have a mean slope of {slopes('learned')} with learned and "
        f"{slopes('attractor')} with attractor modules; a control whose length scale does not depend on tau has "
        f"{slope(runs['laptop-learned-blind'])}."
    )


SENTENCES: tuple[Callable[[Mapping[str, Record]], str], ...] = (_dense, _learned, _attractor, _interventions, _seeds)


def beside_others(records: Sequence[Record]) -> str:
    """Return the rows of published runs for the comparison with other systems, in its columns."""
    columns = [
        "run", "units", "GS > 0.3 / > 0.8 (surrogates)", "test", "best 25", "modules", "Moran's I of spacing",
        "0.4 s, cm", "10 s, cm", "training",
    ]  # fmt: skip
    rows = []
    for one in records:
        shares, surrogates = (
            " / ".join(number(one, f"validation/{kind}share_above_{level}", ".1f", 100) for level in ("0.3", "0.8"))
            for kind in ("", "null_")
        )
        long = number(one, "validation/error_10s_cm", ".1f")
        modules = one.config.get("modules_per_side", 1) ** 2
        rows.append(
            [
                one.name,
                f"{one.config['n_grid_cells']:,}",
                f"{shares} ({surrogates})",
                number(one, "validation/share_gate", ".1f", 100),
                number(one, "validation/best_25_grid_score_mean", ".2f"),
                str(modules) if modules > 1 else "-",
                number(one, "validation/spacing_morans_i", ".2f"),
                number(one, "validation/error_0.4s_cm", ".1f"),
                long if long != "-" else f"{number(one, 'validation/long_error_cm', '.0f')} (along 10 s)",
                f"{number(one, 'train/steps_done', ',.0f')} steps, {number(one, 'perf/minutes', '.0f')} min",
            ]
        )
    return to_markdown(columns, rows, marked_up=True)
