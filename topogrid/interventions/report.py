"""What a person and a program get of a set of interventions: tables, a page and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from topogrid import figures
from topogrid.evaluation.gallery import network_of
from topogrid.evaluation.summary import FEWEST_MEASURED
from topogrid.evaluation.theory import theory_line
from topogrid.interventions.run import Outcome
from topogrid.measures.decoding import ERROR, MIDDLE_SHORT, MODULE_SLOPE, STILL_SHORT
from topogrid.measures.maps import (
    ABOVE_03,
    COUPLING,
    GRID_CELL_SPACING,
    GRID_CELLS,
    LATTICES,
    N_SPACINGS,
    SLOPE,
    SPACING,
)
from topogrid.measures.record import Measure
from topogrid.measures.shown import FIRST, KEPT, MAP_CORRELATION, RATIO
from topogrid.settings.config import TrainConfig
from topogrid.tables import code, markdown, to_markdown


def full_table(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[float | int | str]]]:
    """Return everything measured, a row an outcome: column names and rows; NaN where a measure has no value."""
    names = list(dict.fromkeys(key for outcome in outcomes for key in outcome.measures))
    rows: list[list[float | int | str]] = [
        [one.name, one.compare_with, one.note, *(one.measures.get(name, math.nan) for name in names)]
        for one in outcomes
    ]
    return ["intervention", "compare_with", "note", *names], rows


def key_table(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Return what a person compares first, as text: column names and rows."""
    columns = _key_columns(counted_units(outcomes))
    return ["intervention", *(_heading(one) for one in columns)], [
        [one.name, *(column.told_beside_null(one.measures) for column in columns)] for one in outcomes
    ]


def _heading(measure: Measure) -> str:
    return measure.heading.replace("\n", " ")


class Counted(NamedTuple):
    """The units that columns of spacing are over."""

    who: str
    spacing: Measure
    """Their median spacing."""
    prefix: str
    """Of the names of their other measures."""


def counted_units(outcomes: Sequence[Outcome]) -> Counted:
    """Choose the grid cells, or all units with a lattice where the baseline has too few grid cells to compare."""
    if N_SPACINGS.of(outcomes[0].measures) >= FEWEST_MEASURED:
        return Counted("grid cells", GRID_CELL_SPACING, "")
    return Counted("units with a lattice", SPACING, LATTICES)


def key(outcomes: Sequence[Outcome]) -> str:
    """Say what the columns of `key_table` mean."""
    counted = counted_units(outcomes)
    baseline = outcomes[0].measures
    still, middle = (one.told(baseline) for one in (STILL_SHORT, MIDDLE_SHORT))
    over_modules = ""
    if MODULE_SLOPE.of(baseline) > SLOPE.inside(counted.prefix).of(baseline):
        over_modules = f" (over modules {MODULE_SLOPE.told(baseline)}: inside one tau varies and spacing does not)"
    told = (
        "error: decoding error over walks of training length (here sitting still is "
        f"{still} cm off and always guessing the middle {middle} cm: units of modules are measured on walks that all "
        "start in the middle of the box, and last longer), and over long walks. GS > 0.3, GS > 0.8, grid cells: "
        "share of all units with such a grid score, or beyond the null-calibrated gate; in brackets the same share of "
        "the null's maps. maps: median correlation of a unit's rate map with that of the baseline. spacing: median of "
        f"{counted.who}. kept: of the baseline's {counted.who}, those that still are. ratio: spacing after over before "
        f"in units that are {counted.who} both times, median (units). rho: rank correlation of tau and spacing over "
        f"{counted.who} (p against shifted sheets). beta: slope of log spacing on log tau over the same units"
        f"{over_modules}. -: no value. Compare a silencing with the row below it, where the same units are left out of "
        "the measurement only."
    )
    if not counted.prefix:
        return told
    return (
        f"{told} The baseline has too few grid cells to compare, so the last five columns are over all units with a "
        "lattice, which noise has as well: compare rows, and take no single one for more than a hint."
    )


def _key_columns(counted: Counted) -> list[Measure]:
    """Return the columns of the table, without nulls and p-values, which stand in brackets."""
    order = [one.inside(counted.prefix) for one in (KEPT, RATIO, COUPLING, SLOPE)]
    return [*FIRST, MAP_CORRELATION, counted.spacing, *order]


def draw_outcomes(outcomes: Sequence[Outcome], config: TrainConfig) -> Figure:
    """Draw the measures a person compares first, a line an outcome."""
    counted = counted_units(outcomes)

    def panel(label: str, measure: Measure, line: float | None = None, *, zero: bool = False) -> figures.Panel:
        null = [measure.null.of(one.measures) for one in outcomes] if zero and measure.null else None
        return figures.Panel(label, [measure.of(one.measures) for one in outcomes], null, line, zero)

    panels = [
        panel("error\n(cm)", ERROR, zero=True),
        panel("GS > 0.3\n(% of units)", ABOVE_03, zero=True),
        panel("grid cells\n(% of units)", GRID_CELLS, zero=True),
        panel(f"spacing (m) of\n{counted.who}", counted.spacing, theory_line(config)),
    ]
    if config.tau:
        panels.append(panel("tau with spacing\n(Spearman's rho)", COUPLING.inside(counted.prefix), 0.0))
    return figures.condition_lines(
        [_shown_name(one.name) for one in outcomes],
        panels,
        title=f"Interventions on the {config.describe()} network of {config.n_grid_cells:,} units",
        line_name="theory, or no correlation",
        network=network_of(config),
    )


def _shown_name(name: str) -> str:
    """Return what an intervention is called in a figure; ``:hidden`` marks units that are only not counted."""
    words, _mark, only_hidden = name.replace("_", " ").partition(":")
    return f"{words}, not counted only" if only_hidden else words


def as_page(title: str, outcomes: Sequence[Outcome], left_out: Mapping[str, str]) -> str:
    """Return a Markdown page: the table, what its columns mean, what was done in each line and what was left out."""
    notes = [f"* {code(one.name)}: {markdown(f'{one.about} {one.note}')}".rstrip() for one in outcomes]
    notes += [f"* {code(name)}: left out, {markdown(reason)}." for name, reason in left_out.items()]
    return (
        "\n\n".join(
            [f"# {markdown(title)}", to_markdown(*key_table(outcomes)).rstrip(), key(outcomes), "\n".join(notes)]
        )
        + "\n"
    )


def as_record(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return outcomes as plain values for JSON."""
    return [
        {
            "name": one.name,
            "compare_with": one.compare_with,
            "about": one.about,
            "note": one.note,
            "measures": dict(one.measures),
        }
        for one in outcomes
    ]
