"""Interventions measured one after another, their files written after each: whoever stops keeps what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from topogrid.figures import save_figure
from topogrid.files import put_in_place, write_beside, write_json_atomic, write_text_atomic
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.interventions.condition import Condition
from topogrid.interventions.modules import (
    HEADLINE,
    ModuleOutcome,
    draw_headline,
    headline_page,
    headline_record,
    measure_headline,
    module_table,
)
from topogrid.interventions.paired import Paired
from topogrid.interventions.report import as_page, as_record, draw_outcomes, full_table
from topogrid.interventions.run import CHOSEN, Outcome, intervene
from topogrid.interventions.silencing import silence
from topogrid.interventions.table import obstacles
from topogrid.interventions.tau import Weights
from topogrid.reading import UnreadableError, read_object
from topogrid.runs.folder import RunFolder
from topogrid.settings.fields import MEASUREMENT_SETTINGS
from topogrid.tables import to_csv

Progress = Callable[[str, int, int], None]
"""Told the name of what was measured, its number from 1, and how many there are."""


class Headline(NamedTuple):
    """What was measured module by module, and where it is kept."""

    outcomes: list[ModuleOutcome]
    stem: Path
    """Files are this with a suffix."""
    picture: Path


class Table(NamedTuple):
    """What was measured, what was left out, and where it is kept."""

    outcomes: list[Outcome]
    left_out: dict[str, str]
    """Reasons by name."""
    stem: Path


def _nobody(_name: str, _number: int, _of: int) -> None:
    return


def measure_headline_into(folder: RunFolder, condition: Condition, progress: Progress = _nobody) -> Headline:
    """Measure the headline interventions of a sheet with modules; write tables, arrays and picture.

    Raises
    ------
    ValueError
        If the network has no modules or no time constants.
    OSError
        If the disk does not take them.
    """
    stem = folder.path / "interventions" / "headline"
    stem.parent.mkdir(parents=True, exist_ok=True)
    picture = folder.gallery / "interventions.png"
    outcomes: list[ModuleOutcome] = []
    finished = stem.with_name(f"{stem.name}.png").is_file()
    title = f"Modules of {folder.name} after {condition.step} steps of training"
    for outcome in measure_headline(condition):
        outcomes.append(outcome)
        # What was complete before is kept until this is.
        if not finished or len(outcomes) > len(HEADLINE):
            _write_text(stem, ".md", headline_page(title, outcomes))
            _write_text(stem, ".csv", to_csv(*module_table(outcomes)))
            record = {"run": folder.name, "step": condition.step, "outcomes": headline_record(outcomes)}
            write_json_atomic(stem.with_name(f"{stem.name}.json"), record | {"picture": "interventions/headline.png"})
            _write_arrays(stem, {one.name: one.paired for one in outcomes})
        progress(outcome.name, len(outcomes), 1 + len(HEADLINE))
    figure = draw_headline(outcomes, condition.config)
    folder.gallery.mkdir(parents=True, exist_ok=True)
    for path in (stem.with_name(f"{stem.name}.png"), picture):
        save_figure(figure, path)
    return Headline(outcomes, stem, picture)


def measure_table_into(
    folder: RunFolder,
    condition: Condition,
    wanted: Sequence[str],
    chosen: Sequence[int] = (),
    *,
    weights: Weights | None = None,
    progress: Progress = _nobody,
) -> Table:
    """Measure the wanted interventions and the silencing of chosen units; write tables, arrays and picture.

    What is asked for again is measured again and written over; another question has files of its own.

    Raises
    ------
    ValueError
        If a chosen unit is not on the sheet, or nothing that is wanted can be done to this network.
    OSError
        If the disk does not take them.
    """
    if chosen:
        silence(condition, chosen)  # says what is wrong with them before anything is measured
    left_out = obstacles(condition, wanted)
    names = [name for name in wanted if name not in left_out]
    if not names and not chosen:
        raise ValueError("; ".join(f"{name} cannot be done here: {reason}" for name, reason in left_out.items()))
    asked = _asked(condition, wanted, chosen, weights)
    stem = _stem(folder.path / "interventions", wanted, chosen, asked)
    stem.parent.mkdir(parents=True, exist_ok=True)
    title = f"Interventions on {folder.name} after {condition.step} steps of training"
    outcomes: list[Outcome] = []
    finished = stem.with_name(f"{stem.name}.png").is_file()
    head = {"run": folder.name, "step": condition.step, "asked": asked}

    def write() -> None:
        _write_text(stem, ".csv", to_csv(*full_table(outcomes)))
        _write_text(stem, ".md", as_page(title, outcomes, left_out))
        record = head | {"outcomes": as_record(outcomes), "left_out": left_out}
        write_json_atomic(stem.with_name(f"{stem.name}.json"), record)
        _write_arrays(stem, {one.name: one.paired for one in outcomes})

    for outcome in intervene(condition, names, chosen=chosen, weights=weights):
        outcomes.append(outcome)
        if not finished:  # what was complete before is kept until this is
            write()
        if not outcome.hidden:
            progress(outcome.name, sum(not one.hidden for one in outcomes), 1 + len(names) + bool(chosen))
    if finished:
        write()
    save_figure(draw_outcomes(outcomes, condition.config), stem.with_name(f"{stem.name}.png"))
    return Table(outcomes, left_out, stem)


def _asked(
    condition: Condition, wanted: Sequence[str], chosen: Sequence[int], weights: Weights | None
) -> dict[str, Any]:
    """Return what tells one question from another."""
    settings = {name: getattr(condition.config, name) for name in ("eval_bins", *MEASUREMENT_SETTINGS)}
    where = None if weights is None else weights.tolist()
    return {"names": list(wanted), "units": list(chosen), "where": where, "step": condition.step, "settings": settings}


def _stem(folder: Path, wanted: Sequence[str], chosen: Sequence[int], asked: Mapping[str, Any]) -> Path:
    """Return where the answer goes: the first name that is free, or holds the answer to the same question."""
    names = [*wanted, *([CHOSEN] if chosen else [])]
    base = "table" if list(wanted) == list(INTERVENTIONS) and not chosen else "+".join(names[:2])
    if len(names) > 2 and base != "table":
        base += f"+{len(names) - 2}-more"
    number = 1
    while True:
        stem = folder / (base if number == 1 else f"{base}-{number}")
        there = stem.with_name(f"{stem.name}.json")
        if not there.exists() or _question_in(there) == asked:
            return stem
        number += 1


def _question_in(path: Path) -> object:
    try:
        return read_object(path).get("asked")
    except UnreadableError:
        return None


def _write_text(stem: Path, suffix: str, text: str) -> None:
    # A name such as tau_x1.25 has a dot of its own, which with_suffix would take for the begin of a suffix.
    write_text_atomic(stem.with_name(stem.name + suffix), text)


def _write_arrays(stem: Path, of: Mapping[str, Paired]) -> None:
    """Keep all units and modules before and after, by the name of the intervention and of the array."""
    arrays = {f"{name}/{key}": values for name, one in of.items() for key, values in one.arrays().items()}
    path = stem.with_name(f"{stem.name}.npz")
    put_in_place(write_beside(path, lambda file: np.savez_compressed(file, **arrays)), path)  # type: ignore[arg-type]
