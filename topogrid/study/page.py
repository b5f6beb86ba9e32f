"""The study as files: a page with its pictures and tables, and every figure of every network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from topogrid.figures import StudyPanel, save_figure, study_courses, study_overview, study_sheets, study_steps
from topogrid.files import write_text_atomic
from topogrid.study.arms import SWEPT
from topogrid.study.feedback import best_feedback, feedback_table
from topogrid.study.knock_out import knock_out_table
from topogrid.study.sentences import sentences
from topogrid.study.shown import courses_of, sheets_of, steps_of
from topogrid.study.silencing import silencing_table
from topogrid.study.table import QUANTITIES, RULE, Record, Row, as_csv, rows_of, table, verdict
from topogrid.study.topography import topography_sentences, topography_table
from topogrid.tables import to_csv, to_markdown

STEM = "study"

_PANELS = (
    ("gate %", "grid cells\n(%)", (), (-4.0, 104.0)),
    ("slope on tau", "slope on\nlog tau", (0.0, 1.0), None),
    ("slope on gain", "slope on\nlog gain", (0.0, -1.0), None),
    ("tau x1.25", "spacing,\ntau x1.25", (1.0, 1.25), None),
    ("spread, flat", "spread left,\ntau flat", (0.0, 1.0), None),
    ("10 s cm", "error,\n10 s (cm)", (), None),
)

_ANSWERS = ("arm", "network", "compared with", "does tau set the scale?")


class Written(NamedTuple):
    """Where the study was written."""

    page: Path
    pictures: list[Path]
    numbers: Path


def write_study(records: Sequence[Record], folder: Path, *, command: str) -> Written:
    """Write ``study.md``, its pictures and ``study.csv``.

    Parameters
    ----------
    records : sequence of mapping
        As `records.read_record` returns them.
    folder : Path
    command : str
        What makes the page again; it stands at its end.

    Raises
    ------
    ValueError
        If there is no record.
    OSError
        If the disk does not take them.
    """
    rows = rows_of(records)
    if not rows:
        raise ValueError("the study has no record yet; without --measure_only it trains its networks")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {folder / f"{name}.png": figure for name, figure in _figures(rows, records).items()}
    for path, figure in pictures.items():
        save_figure(figure, path)
    written = Written(folder / f"{STEM}.md", list(pictures), folder / f"{STEM}.csv")
    write_text_atomic(written.numbers, to_csv(*as_csv(rows)))
    write_text_atomic(written.page, _page(rows, records, {path.stem for path in pictures}, command))
    return written


def _figures(rows: Sequence[Row], records: Sequence[Record]) -> dict[str, Figure]:
    """Draw everything that there are records for, by the name of the file."""
    figures = {STEM: overview(rows), "errors": study_courses(courses_of(rows, records), detail=_OF_LINES)}
    sheets, steps = sheets_of(records), steps_of(records)
    if sheets:
        figures["sheets"] = study_sheets(
            sheets, detail="one network of each arm, the first seed; coloured: a lattice, whether a grid cell or not"
        )
    if steps:
        figures["steps"] = study_steps(
            steps, detail="one network each, the first seed; a dot is a unit, a circle a module"
        )
    return figures


_OF_LINES = "40 walks of 60 s; a thin line is a network, a thick one the mean; the guess knows the start or the box"


def overview(rows: Sequence[Row]) -> Figure:
    """Draw all arms."""
    panels = [
        StudyPanel(title, {row.arm.name: row.each[name] for row in rows}, expected, limits)
        for name, title, expected, limits in _PANELS
    ]
    networks = sum(len(row.seeds) for row in rows)
    return study_overview(
        {row.arm.name: row.arm.title for row in rows},
        panels,
        detail=f"{networks} networks; a dot is a network, a bar the mean; dashes: no effect, and in proportion",
    )


def _page(rows: Sequence[Row], records: Sequence[Record], pictures: set[str], command: str) -> str:
    networks = sum(len(row.seeds) for row in rows)
    answers = [[f"`{row.arm.name}`", row.arm.title, _twin(row), verdict(row)] for row in rows]
    meanings = _bullets([f"**{one.name}**: {one.about}" for one in QUANTITIES])
    parts = [
        "# Does tau set the scale of grid cells?",
        f"{networks} networks in {len(rows)} arms. Most have a twin, `compared with` below, from which they differ "
        "in one cause; arms of other wirings also differ in range of tau, duration of a step and number of steps. "
        "Walks are the same for arms of one wiring, bins for all. The seed is the unit of every interval: "
        "Student's t, 95 %, cut where a quantity ends.",
        f"![The figures of every network, by arm]({STEM}.png)",
        *([_bullets(said)] if (said := sentences(records)) else []),
        f"{RULE} Slopes and changes are measured on walks that all start in the middle of the box. On *settled* "
        "walks, which begin anywhere and are measured once activity has settled, slopes differ a little (`slope, "
        "settled`). The recipe of learned modules was chosen for grid scores and a slope of 0.8 to 1.1 of seed 0 "
        "(docs/recipe.md): that its slope lies in this range is no finding, that it goes without tau in the length "
        "scale is one.",
        "## Answers",
        to_markdown(_ANSWERS, answers, marked_up=True).rstrip(),
        *_sheets(pictures),
        *_knock_out(records),
        *_a_minute(records),
        *_silencing(records),
        *_topography(rows),
        "## Figures",
        to_markdown(*table(rows)).rstrip(),
        meanings,
        f"Every figure of every network: [{STEM}.csv]({STEM}.csv). Made by `{command}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _sheets(pictures: set[str]) -> list[str]:
    parts = []
    if "sheets" in pictures:
        parts += ["## Sheets", "![Time constants and spacing on one sheet of every arm](sheets.png)"]
    if "steps" in pictures:
        parts += [
            "## A smooth gradient, discrete modules",
            "Tau varies smoothly over the sheet, inside modules as well. A module integrates movement as one, with "
            "the mean of its units' tau, so that spacing climbs in steps, as recorded modules do (Stensola et al. "
            "2012; Khona et al. 2025). The steps are by construction: modules are not connected to each other. On a "
            "sheet without borders a smooth gradient of tau makes none (docs/continuous/continuous.md).",
            "![Spacing of every unit against its tau](steps.png)",
        ]
    return parts


def _knock_out(records: Sequence[Record]) -> list[str]:
    return [
        "## The HCN1 knock-out",
        "Without HCN1 channels spacing is larger at all levels of the dorsoventral axis, its gradient stays, and "
        "as many cells are grid cells (Giocomo et al. 2011). A network looks like that after a change if spacing "
        "grows by more than 5 % in 90 % of its modules, and if the spread of spacing over modules and the share of "
        "grid cells stay within a fifth or so. Time constants that are 1.3 times as long should look like it; "
        "equal ones should not where tau makes the gradient, and may where the gain from movement makes it. The "
        "first is no test of tau: whatever makes the gradient, longer time constants everywhere keep it, as the "
        "arm `gain` shows. The second is a test of what the knock-out does to tau: in slices of these mice the "
        "gradient of resonance frequency, and of the time constant of the sag, is flatter (Giocomo and Hasselmo "
        "2009), and a gradient of spacing that stays then speaks against a scale set by these alone.",
        to_markdown(*knock_out_table(records)).rstrip(),
    ]


def _a_minute(records: Sequence[Record]) -> list[str]:
    parts = [
        "## A minute without landmarks",
        "Modules drift each on its own. At run time the place that all of them name is fed back into each, as the "
        "place code that was *predicted* or as the code of the place *decoded* from it; neither sees the true place. "
        "Networks are trained without it, unless told otherwise. Slower animals want less, faster ones more.",
        "![Error over time without and with feedback, by arm](errors.png)",
    ]
    for arm, fed in SWEPT.items():
        columns, body = feedback_table(records, arm)
        best = best_feedback(records, arm)
        if body and best is not None:
            code, strength, error = best
            parts += [
                f"`{arm}`: mean over networks, in brackets the best and the worst of them. At the speed of training "
                f"the {code} code at a strength of {strength:g} is best, {error:.1f} cm.",
                to_markdown(columns, body).rstrip(),
                *_in_training(records, arm, fed),
            ]
    return parts


def _in_training(records: Sequence[Record], arm: str, fed: str) -> list[str]:
    """Compare networks that were trained with feedback with those of the same seeds that were not."""
    seeds = {one["seed"] for one in records if one["arm"] == fed and one["feedback"]}
    without = best_feedback([one for one in records if one["seed"] in seeds], arm)
    within = best_feedback(records, fed)
    if without is None or within is None:
        return []
    shared = len(seeds & {one["seed"] for one in records if one["arm"] == arm})
    return [
        f"`{fed}` was trained with feedback of the decoded code in the loop "
        f"({shared} {'networks' if shared > 1 else 'network'}): at its best {within[2]:.1f} cm ({within[0]} code, "
        f"{within[1]:g}), where `{arm}` with the same seeds is {without[2]:.1f} cm off ({without[0]} code, "
        f"{without[1]:g})."
    ]


def _silencing(records: Sequence[Record]) -> list[str]:
    return [
        "## Which units carry the way",
        "A fifth of the living units is silenced: those with the best grid scores, those that fire most in bands, "
        "the slowest, the fastest, or as many at random. Mean error over other walks than those of the table "
        "below, without feedback, cm. Slow and fast units lie in few modules, and so may the others; units at "
        "random are from all. What a column costs is therefore no measure of the kind of unit alone.",
        to_markdown(*silencing_table(records)).rstrip(),
    ]


def _topography(rows: Sequence[Row]) -> list[str]:
    return [
        "## Topography of connections",
        "`--topoloss` asks that neighbours on the sheet have alike weights. Whether they then have alike lattices is "
        "measured in patches of 5x5 units: the smallest grid score in a patch, and how far orientations differ.",
        *([" ".join(said)] if (said := topography_sentences(rows)) else []),
        to_markdown(*topography_table(rows)).rstrip(),
    ]


def _twin(row: Row) -> str:
    return f"`{row.arm.twin}`" if row.arm.twin else "-"
