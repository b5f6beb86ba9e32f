"""Write ``docs/metrics.md``, what every logged number means, from the records of the code.

``python -m benchmarks.metrics_page`` writes it anew; a test says when that is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from topogrid.files import write_text_atomic
from topogrid.measures import FIGURES, PAGES, TABLES, Measure
from topogrid.measures.decoding import AT_A_MOMENT, DECODING, MODULES, MOMENTS
from topogrid.measures.maps import FROM_START, LATTICES, SHEET, UNITS
from topogrid.measures.training import MACHINE, TIME_CONSTANTS, TRAINING
from topogrid.session.tracking import LOGGED
from topogrid.training.objective import SUMS, TERMS, TOTAL

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"

_INTRODUCTION = """\
# What every logged number means

A row of `metrics.jsonl` holds the numbers of one step; W&B shows them under the same names against `step`. This page
is written by `python -m benchmarks.metrics_page` from `topogrid/measures` and, for the loss,
`topogrid/training/objective.py`.

Some words in it. A *unit* becomes a *grid cell* only where its grid score passes a gate that is calibrated on
surrogate maps of the same network (the *null*). A *grid score* compares the autocorrelogram of a rate map with itself
after rotations: high at 60 and 120 degrees, low at 30, 90 and 150. *Spacing* is that of a lattice fitted to the rate
map, begun at the six peaks around the centre of the autocorrelogram; a unit without six peaks has none. *Shares* are
of all units of the sheet, silent ones included, from 0 to 1."""

_TRAINING = """\
Logged at the first step, the last and every `--print_every`. The loss terms stand there with their weights, so they
add up to the total. `train/tau_loss` is the sum of the smoothness and the diversity of tau."""

_DECODING = """\
Logged at the start, every `--eval_every` and at the end, on held-out walks that are the same at every evaluation of a
run."""

_MOMENTS = """\
At every moment of `--error_seconds` that the long walks reach, such as `validation/error_2s_cm`; with feedback only
where `--place_feedback` is above 0."""

_MODULES = "Where the sheet has modules (`--modules_per_side`), over settled units that are grid cells."

_UNITS = """\
Over all units of the sheet. Rates are counted after less than 1 % of its start state is left in any unit, so that a
slow unit's memory of where the walk began is not mistaken for a map. Each number is told once more with `start/`
before its name, counted from the first step on (`validation/start/share_above_0.3`)."""

_SHEET = """\
Over the grid cells with a spacing. Each number is told in three more variants: over all units with a lattice, most of
which noise would have as well (`validation/lattices/scaling_slope`), and both without burn-in
(`validation/start/scaling_slope`, `validation/start/lattices/scaling_slope`)."""

VARIANTS = {"units": ("", FROM_START), "sheet": ("", LATTICES, FROM_START, FROM_START + LATTICES)}
"""What stands before the names of rate maps and of the sheet, after ``validation/``."""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    terms = {name: LOGGED[name] for name in (TOTAL, *(term.name for term in TERMS), *SUMS)}
    parts += ["## Training", _TRAINING, _table("number", terms | dict(_described(TRAINING)))]
    parts += ["## Time constants", _table("number", _described(TIME_CONSTANTS))]
    parts += ["## Decoding", _DECODING, _table("number", _described(DECODING))]
    moments = (one._replace(key=one.key.format("T"), about=one.about.format("T")) for one in AT_A_MOMENT)
    told = f"{_MOMENTS} `T` stands for the moment, by default {', '.join(MOMENTS)} s."
    parts += ["### Errors at moments of the long walks", told, _table("number", _described(moments))]
    parts += ["### Scale of modules", _MODULES, _table("number", _described(MODULES))]
    parts += ["## Rate maps", _UNITS, _table("number", _described(UNITS))]
    parts += ["## Order on the sheet", _SHEET, _table("number", _described(SHEET))]
    parts += ["## Machine", _table("number", _described(MACHINE))]
    figures = {name: f"{entry.caption} | `{entry.file}`" for name, entry in FIGURES.items()}
    where = "Written to `runs/<name>/figures/` and `tau_imgs/<name>/`, and mirrored to W&B."
    parts += ["## Figures", where, _table("figure", figures, "meaning | file")]
    parts += ["## Pages", "Written to `runs/<name>/`, and mirrored to W&B.", _table("page", PAGES)]
    parts += ["## Tables", "Written to `runs/<name>/units.csv`, and mirrored to W&B.", _table("table", TABLES)]
    return "\n\n".join(parts) + "\n"


def _described(measures: Iterable[Measure]) -> Iterator[tuple[str, str]]:
    return ((one.key, LOGGED.get(one.key, one.about)) for one in measures)


def _table(what: str, rows: Mapping[str, str] | Iterable[tuple[str, str]], columns: str = "meaning") -> str:
    head = [f"| {what} | {columns} |", "|---" * (2 + columns.count("|")) + "|"]
    return "\n".join([*head, *(f"| `{name}` | {text} |" for name, text in dict(rows).items())])


if __name__ == "__main__":
    write_text_atomic(PAGE, page())
