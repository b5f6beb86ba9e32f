"""What a person and a program get of a set of interventions: tables, a page and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from topogrid import figures
from topogrid.evaluation.summary import FEWEST_MEASURED
from topogrid.evaluation.theory import theory_line
from topogrid.interventions.run import Outcome
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_markdown


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
    rows = []
    for one in outcomes:
        told = partial(_tell, one.measures)
        rows.append([one.name, *(told(*column) for column in columns.values())])
    return ["intervention", *columns], rows


class Counted(NamedTuple):
    """The units that columns of spacing are over."""

    who: str
    spacing: str
    """Name of their median spacing."""
    prefix: str
    """Of the names of their other measures."""


def counted_units(outcomes: Sequence[Outcome]) -> Counted:
    """Choose the grid cells, or all units with a lattice where the baseline has too few grid cells to compare."""
    n_grid = outcomes[0].measures.get("validation/n_grid_cell_spacings", 0.0)
    if n_grid >= FEWEST_MEASURED:
        return Counted("grid cells", "validation/grid_cell_spacing_m", "")
    return Counted("units with a lattice", "validation/spacing_median_m", "lattices/")


def key(outcomes: Sequence[Outcome]) -> str:
    """Say what the columns of `key_table` mean."""
    counted = counted_units(outcomes)
    told = (
        "error: decoding error over walks of training length, and over long walks. GS > 0.3, GS > 0.8, grid cells: "
        "share of all units with such a grid score, or beyond the null-calibrated gate; in brackets the same share of "
        "the null's maps. maps: median correlation of a unit's rate map with that of the baseline. spacing: median of "
        f"{counted.who}. kept: of the baseline's {counted.who}, those that still are. ratio: spacing after over before "
        f"in units that are {counted.who} both times, median (units). rho: rank correlation of tau and spacing over "
        f"{counted.who} (p against shifted sheets). beta: slope of log spacing on log tau. -: no value. Compare a "
        "silencing with the row below it, where the same units are left out of the measurement only."
    )
    if not counted.prefix:
        return told
    return (
        f"{told} The baseline has too few grid cells to compare, so the last five columns are over all units with a "
        "lattice, which noise has as well: compare rows, and take no single one for more than a hint."
    )


def _key_columns(counted: Counted) -> dict[str, tuple[Any, ...]]:
    """Return by heading: name of the measure, format, factor, and the measure in brackets with its format."""
    validation, paired = (f"{group}/{counted.prefix}" for group in ("validation", "paired"))
    return {
        "error cm": ("validation/trajectory_error_cm", ".1f"),
        "long error cm": ("validation/long_error_cm", ".1f"),
        "GS > 0.3 %": ("validation/share_above_0.3", ".1f", 100, "validation/null_share_above_0.3", ".1f"),
        "GS > 0.8 %": ("validation/share_above_0.8", ".1f", 100, "validation/null_share_above_0.8", ".1f"),
        "grid cells %": ("validation/share_gate", ".1f", 100, "validation/null_share_gate", ".1f"),
        "dead %": ("validation/share_dead", ".1f", 100),
        "maps": ("paired/map_correlation", ".2f"),
        "spacing m": (counted.spacing, ".3f"),
        "kept %": (f"{paired}kept_share", ".0f", 100),
        "ratio": (f"{paired}spacing_ratio", ".3f", 1, f"{paired}n_spacing", ".0f"),
        "rho": (f"{validation}tau_spacing_rho", ".2f", 1, f"{validation}tau_spacing_p", ".3f"),
        "beta": (f"{validation}scaling_slope", ".3f"),
    }


def _tell(
    measures: dict[str, float], name: str, form: str, factor: float = 1, in_brackets: str = "", bracket_form: str = ""
) -> str:
    value = factor * measures.get(name, math.nan)
    if not math.isfinite(value):
        return "-"
    other = factor * measures.get(in_brackets, math.nan)
    return f"{value:{form}}" + (f" ({other:{bracket_form}})" if math.isfinite(other) else "")


def draw_outcomes(outcomes: Sequence[Outcome], config: TrainConfig) -> Figure:
    """Draw the measures a person compares first, a line an outcome."""
    counted = counted_units(outcomes)

    def of(name: str, factor: float = 1.0) -> list[float]:
        return [factor * one.measures.get(name, math.nan) for one in outcomes]

    def share(label: str, name: str) -> figures.Panel:
        return figures.Panel(label, of(f"validation/{name}", 100), of(f"validation/null_{name}", 100), from_zero=True)

    panels = [
        figures.Panel("error\n(cm)", of("validation/trajectory_error_cm"), from_zero=True),
        share("GS > 0.3\n(% of units)", "share_above_0.3"),
        share("grid cells\n(% of units)", "share_gate"),
        figures.Panel(f"spacing of\n{counted.who} (m)", of(counted.spacing), line=theory_line(config)),
    ]
    if config.tau:
        panels.append(
            figures.Panel(
                "tau with spacing\n(Spearman's rho)", of(f"validation/{counted.prefix}tau_spacing_rho"), line=0.0
            )
        )
    return figures.comparison(
        [one.name for one in outcomes],
        panels,
        title=f"What interventions do to a {config.describe()} network of {config.n_grid_cells:,} units",
        line_name="theory, or no correlation",
        network=config.describe(),
    )


def as_page(title: str, outcomes: Sequence[Outcome], left_out: Mapping[str, str]) -> str:
    """Return a Markdown page: the table, what its columns mean, what was done in each line and what was left out."""
    notes = [f"* `{one.name}`: {one.about} {one.note}".rstrip() for one in outcomes]
    notes += [f"* `{name}`: left out, {reason}." for name, reason in left_out.items()]
    return (
        "\n\n".join([f"# {title}", to_markdown(*key_table(outcomes)).rstrip(), key(outcomes), "\n".join(notes)]) + "\n"
    )


def as_record(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return outcomes as plain values for JSON, which knows no NaN: a measure without a value is ``None``."""
    return [
        {
            "name": one.name,
            "compare_with": one.compare_with,
            "about": one.about,
            "note": one.note,
            "measures": {name: value if math.isfinite(value) else None for name, value in one.measures.items()},
        }
        for one in outcomes
    ]
