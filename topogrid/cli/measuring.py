"""Interventions measured one after another, their tables written after each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from topogrid.figures import save_figure
from topogrid.files import write_json_atomic, write_text_atomic
from topogrid.interventions.condition import Condition
from topogrid.interventions.modules import (
    HEADLINE,
    ModuleOutcome,
    draw_headline,
    headline_page,
    headline_record,
    headline_table,
    measure_headline,
    module_table,
)
from topogrid.interventions.modules import KEY as HEADLINE_KEY
from topogrid.interventions.report import as_page, as_record, draw_outcomes, full_table, key, key_table
from topogrid.interventions.run import Outcome, intervene
from topogrid.interventions.silencing import silence
from topogrid.interventions.table import INTERVENTIONS, obstacles
from topogrid.reports.explorer import write_report
from topogrid.runs.folder import RunFolder
from topogrid.tables import to_csv, to_text


def measure_headline_of(condition: Condition, folder: RunFolder) -> None:
    """Measure the headline interventions of a sheet with modules; write tables, picture and page."""
    stem = folder.path / "interventions" / "headline"
    stem.parent.mkdir(exist_ok=True)
    outcomes: list[ModuleOutcome] = []
    title = f"Modules of {folder.name} after {condition.step} steps of training"
    with tqdm(total=1 + len(HEADLINE), unit="intervention", disable=not sys.stderr.isatty()) as bar:
        for outcome in measure_headline(condition):
            outcomes.append(outcome)
            write_text_atomic(stem.with_suffix(".md"), headline_page(title, outcomes))
            write_text_atomic(stem.with_suffix(".csv"), to_csv(*module_table(outcomes)))
            record = {"run": folder.name, "step": condition.step, "outcomes": headline_record(outcomes)}
            write_json_atomic(stem.with_suffix(".json"), record | {"picture": "interventions/headline.png"})
            bar.set_postfix_str(outcome.name)
            bar.update()
    figure = draw_headline(outcomes, condition.config)
    folder.gallery.mkdir(parents=True, exist_ok=True)
    for path in (stem.with_suffix(".png"), folder.gallery / "interventions.png"):
        save_figure(figure, path)
    print(to_text(*headline_table(outcomes)))
    print(HEADLINE_KEY)
    print(f"Picture: {folder.gallery / 'interventions.png'}   Module by module: {stem}.md .csv .json", file=sys.stderr)
    if any(folder.evaluation.glob("step_*.npz")):
        print(f"Page: {write_report(folder, condition.config)}", file=sys.stderr)


def measure_interventions(
    condition: Condition, wanted: Sequence[str], chosen: Sequence[int], folder: RunFolder
) -> None:
    """Measure the wanted interventions and the silencing of chosen units; write tables and picture."""
    if chosen:
        silence(condition, chosen)  # says what is wrong with them before anything is measured
    skipped = obstacles(condition, wanted)
    for name, reason in skipped.items():
        print(f"left out {name}: {reason}", file=sys.stderr)
    names = [name for name in wanted if name not in skipped]
    all_of_them = len(wanted) == len(INTERVENTIONS)
    stem = folder.path / "interventions" / ("table" if all_of_them else "selection")
    stem.parent.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    with tqdm(total=1 + len(names) + bool(chosen), unit="intervention", disable=not sys.stderr.isatty()) as bar:
        for outcome in intervene(condition, names, chosen=chosen):
            outcomes.append(outcome)
            # Written after each, so that whoever stops an hour of measuring keeps what there is.
            _write_outcomes(stem, outcomes, skipped, folder.name, condition.step)
            bar.set_postfix_str(outcome.name)
            bar.update(not outcome.hidden)
    save_figure(draw_outcomes(outcomes, condition.config), stem.with_suffix(".png"))
    print(to_text(*key_table(outcomes)))
    for outcome in outcomes:
        if outcome.note:
            print(f"{outcome.name}: {outcome.note}")
    print(key(outcomes))
    print(f"Everything measured: {stem}.csv .json .md .png", file=sys.stderr)


def _write_outcomes(stem: Path, outcomes: Sequence[Outcome], left_out: dict[str, str], name: str, step: int) -> None:
    title = f"Interventions on {name} after {step} steps of training"
    write_text_atomic(stem.with_suffix(".csv"), to_csv(*full_table(outcomes)))
    write_text_atomic(stem.with_suffix(".md"), as_page(title, outcomes, left_out))
    result = {"run": name, "step": step, "outcomes": as_record(outcomes), "left_out": left_out}
    write_json_atomic(stem.with_suffix(".json"), result)
