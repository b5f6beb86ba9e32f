"""A measured continuous sheet as files: numbers, picture, and a page that says what they show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid.continuous.boxed import own_spacing
from topogrid.continuous.climb import ONE_VALUE, SMOOTH, STEPPED, UNKNOWN, Climb
from topogrid.continuous.conduct import ACROSS, ALONG, IN_A_BOX, Record, tau_of_places
from topogrid.continuous.sheet import ROW_APART, SPEED_PER_DRIVE
from topogrid.figures import GradientPanel, gradient_panels, save_figure
from topogrid.files import write_json_atomic, write_text_atomic
from topogrid.tables import to_markdown

STEM = "continuous"
_HEAD = ("movement", "rows of bumps", "tau, longest / shortest", "climb", "in the steepest third, %", "verdict")


class Case(NamedTuple):
    """Sheets of one size and gradient under one kind of movement."""

    movement: str
    rows: int
    ratio: float
    climb: Climb
    """Means over sheets and their halves."""
    lowest: float
    highest: float
    """Concentration in the least and the most concentrated half of a sheet."""


class Written(NamedTuple):
    """Where it was written."""

    page: Path
    picture: Path
    numbers: Path


def cases_of(record: Record) -> list[Case]:
    """Pool halves and seeds, by movement, rows and ratio."""
    parts = [(one["movement"], one) for one in record["straight"]] + [(IN_A_BOX, one) for one in record["box"]]
    kinds = [kind for kind in (ACROSS, ALONG, IN_A_BOX) if any(kind == one for one, _ in parts)]
    found = []
    for kind, rows, ratio in product(kinds, *_sizes(record)):
        halves = [
            half
            for one, part in parts
            if (one, part["rows"], part["ratio"]) == (kind, rows, ratio)
            for half in part["halves"]
        ]
        if halves:
            found.append(_case(kind, rows, ratio, halves))
    return found


def _case(kind: str, rows: int, ratio: float, halves: Sequence[Record]) -> Case:
    of = {name: _numbers([half[name] for half in halves]) for name in ("ratio", "concentration")}
    there = of["concentration"][np.isfinite(of["concentration"])]
    if not there.size:
        return Case(kind, rows, ratio, Climb(math.nan, math.nan), math.nan, math.nan)
    climb = Climb(float(np.nanmean(of["ratio"])), float(there.mean()))
    return Case(kind, rows, ratio, climb, float(there.min()), float(there.max()))


def _sizes(record: Record) -> tuple[list[int], list[float]]:
    parts = [*record["straight"], *record["box"]]
    return sorted({part["rows"] for part in parts}), sorted({part["ratio"] for part in parts})


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def sentences(record: Record) -> list[str]:
    """Say what a record shows: where flow is stepped, and whether spacing is."""
    cases = cases_of(record)
    said = []
    for kind, what in ((ACROSS, "flow"), (ALONG, "flow"), (IN_A_BOX, "spacing")):
        here = [case for case in cases if case.movement == kind]
        if here:
            said.append(f"Movement {kind}: {what} is {_listed(here)}.")
    return said


def _listed(cases: Sequence[Case]) -> str:
    words = {
        STEPPED: "stepped",
        SMOOTH: "smooth",
        ONE_VALUE: "the same everywhere",
        UNKNOWN: "not to be measured",
    }
    parts = []
    for kind, word in words.items():
        here = [case for case in cases if case.climb.kind == kind]
        if len(here) == len(cases):
            return f"{word} on sheets of every size"
        if here:
            parts.append(f"{word} on " + ", ".join(f"{_rows(case)} with a ratio of {case.ratio:g}" for case in here))
    return "; ".join(parts)


def _rows(case: Case) -> str:
    return f"{case.rows / ROW_APART:g} rows of bumps"


def write_page(record: Record, folder: Path, *, command: str, figure_format: str = "png") -> Written:
    """Write ``continuous.md``, ``continuous.png`` and ``continuous.json``.

    Parameters
    ----------
    record : dict
        As `conduct.measure` returns it.
    folder : Path
    command : str
        What makes the page again; it stands at its end.
    figure_format : {"png", "pdf"}
        As for `figures.save_figure`.

    Raises
    ------
    OSError
        If the disk does not take them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder / f"{STEM}.md", folder / f"{STEM}.png", folder / f"{STEM}.json")
    write_json_atomic(written.numbers, record)
    save_figure(picture(record), written.picture, figure_format=figure_format)
    write_text_atomic(written.page, _page(record, command))
    return written


def picture(record: Record) -> Figure:
    """Draw flow and spacing against tau."""
    rows, ratios = _sizes(record)
    lines = []
    for parts, kind in ((record["straight"], ACROSS), (record["straight"], ALONG), (record["box"], IN_A_BOX)):
        for ratio in ratios:
            panels = [_panel(record, parts, kind, number, ratio) for number in rows]
            lines.append([panel for panel in panels if panel.lines])
    return gradient_panels(
        [line for line in lines if line],
        detail="a line is half a sheet; dashed: what each tau would do if no other were near",
    )


def _panel(record: Record, parts: Sequence[Record], kind: str, rows: int, ratio: float) -> GradientPanel:
    tau = tau_of_places(record["columns"], ratio)
    here = [
        part
        for part in parts
        if (part["rows"], part["ratio"]) == (rows, ratio) and part.get("movement", IN_A_BOX) == kind
    ]
    boxed = kind == IN_A_BOX
    own = own_spacing(tau, record["middle_tau_steps"]) if boxed else SPEED_PER_DRIVE / tau
    values: list[Any] = [_numbers(part["spacing_m" if boxed else "flow"]) for part in here]
    title = f"{rows / ROW_APART:g} rows of bumps, ratio {ratio:g}\n{kind}"
    return GradientPanel(title, "spacing (m)" if boxed else "flow (units a step)", tau, values, own)


def _page(record: Record, command: str) -> str:
    body = [_line(case) for case in cases_of(record)]
    seeds = len({part["seed"] for part in record["straight"]})
    parts = [
        "# Does a continuous sheet break into modules by itself?",
        _QUESTION,
        f"![Flow and spacing along a smooth gradient of tau]({STEM}.png)",
        _READING.format(columns=record["columns"], middle=record["middle_tau_steps"], seeds=seeds),
        "\n".join(f"* {said}" for said in sentences(record)),
        to_markdown(_HEAD, body).rstrip(),
        *_meaning(cases_of(record)),
        f"Made by `{command}`; numbers: [{STEM}.json]({STEM}.json).",
    ]
    return "\n\n".join(parts) + "\n"


def _meaning(cases: Sequence[Case]) -> list[str]:
    boxed = {case.climb.kind for case in cases if case.movement == IN_A_BOX}
    if not boxed - {UNKNOWN}:
        return [_COMPARE]
    if STEPPED in boxed:
        return [_MODULES, _COMPARE]
    most = np.nanmax([case.highest for case in cases if case.movement == IN_A_BOX])
    return [_NO_MODULES.format(most=100 * most), _COMPARE] if SMOOTH in boxed else [_COMPARE]


def _line(case: Case) -> list[str]:
    climb = case.climb
    if climb.kind == UNKNOWN:
        return [case.movement, f"{case.rows / ROW_APART:g}", f"{case.ratio:g}", "-", "-", climb.kind]
    spread = f"{100 * climb.concentration:.0f} ({100 * case.lowest:.0f} to {100 * case.highest:.0f})"
    return [case.movement, f"{case.rows / ROW_APART:g}", f"{case.ratio:g}", f"{climb.ratio:.2f}", spread, climb.kind]


_QUESTION = """\
Elsewhere in this package modules have borders: units of different modules are not connected. This page asks whether
they are needed. One sheet is wired locally and everywhere alike (Burak and Fiete 2009), tau changes smoothly along it,
and bumps of activity flow with the animal, at a speed that falls with tau. Neighbouring bumps hold on to each other.
Locally coupled oscillators with a gradient of frequencies lock into plateaus of one frequency each (Ermentrout and
Kopell 1984). If bumps did the same, the plateaus would be modules of grid cells."""

_READING = """\
The sheet is a torus, {columns} units long; tau rises along one half and falls along the other, around {middle:g} steps,
and each half is a gradient of its own. Seeds of the noise from which bumps grow: {seeds}. On *straight runs* the speed
of bumps is measured place by place; in the *box*, the spacing of the units' rate maps, from walks of 5 s that all begin
at one place. *Climb* is the largest value over the smallest, smoothed over two rows of bumps. On a smooth climb the
steepest third of the places takes a third of it; where it takes 70 % or more, the climb is called stepped. Below a
climb of 1.1 all places share one value."""

_COMPARE = """\
Compare this with modules that have borders, where spacing climbs in steps although tau is smooth (`topogrid study`),
and with Khona, Chandra and Fiete (Nature 2025), in whose model modules do form by themselves, from a gradient of the
reach of inhibition that meets a second, fixed wiring."""

_NO_MODULES = """\
Whether a plateau of flow is a module of grid cells is what the box tells, and there spacing climbs smoothly over the
sheets of every size: an animal that turns back soon lets the lattice of bumps bend and straighten again, before
neighbours that flow at different speeds are torn apart. In single halves of a sheet the steepest third takes up to
{most:.0f} %, at places that differ from sheet to sheet. A smooth gradient of tau alone makes no modules here;
borders do."""

_MODULES = """\
Whether a plateau of flow is a module of grid cells is what the box tells: on some sheets spacing climbs in steps there
as well, so that a smooth gradient of tau makes modules without borders."""
