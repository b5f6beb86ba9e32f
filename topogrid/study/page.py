"""The study as files: a page with its picture and tables, and every figure of every network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from topogrid.figures import StudyPanel, save_figure, study_overview
from topogrid.files import write_text_atomic
from topogrid.study.table import QUANTITIES, Record, Row, as_csv, rows_of, table, verdict
from topogrid.tables import to_csv, to_markdown

STEM = "study"

_PANELS = (
    ("gate %", "grid cells (%)", (), (-4.0, 104.0)),
    ("slope on tau", "slope on log tau", (0.0, 1.0), None),
    ("slope on gain", "slope on log gain", (0.0, -1.0), None),
    ("tau x1.25", "spacing, tau x1.25", (1.0, 1.25), None),
    ("spread, flat", "spread left, tau flat", (0.0, 1.0), None),
    ("10 s cm", "error, 10 s (cm)", (), None),
)


_ANSWERS = ("arm", "network", "compared with", "does tau set the scale?")


class Written(NamedTuple):
    """Where the study was written."""

    page: Path
    picture: Path
    numbers: Path


def write_study(records: Sequence[Record], folder: Path, *, command: str) -> Written:
    """Write ``study.md``, ``study.png`` and ``study.csv``.

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
    written = Written(*(folder / f"{STEM}{suffix}" for suffix in (".md", ".png", ".csv")))
    save_figure(overview(rows), written.picture)
    write_text_atomic(written.numbers, to_csv(*as_csv(rows)))
    write_text_atomic(written.page, _page(rows, command))
    return written


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


def _page(rows: Sequence[Row], command: str) -> str:
    networks = sum(len(row.seeds) for row in rows)
    answers = [[f"`{row.arm.name}`", row.arm.title, _twin(row), verdict(row)] for row in rows]
    meanings = "\n".join(f"* **{one.name}**: {one.about}" for one in QUANTITIES)
    return (
        "\n\n".join(
            [
                "# Does tau set the scale of grid cells?",
                f"{networks} networks in {len(rows)} arms that differ in one cause at a time. All are measured on the "
                "same walks with the same number of bins. The seed is the unit of every interval: Student's t, 95 %.",
                f"![The figures of every network, by arm]({STEM}.png)",
                "## Answers",
                to_markdown(_ANSWERS, answers, marked_up=True).rstrip(),
                "## Figures",
                to_markdown(*table(rows)).rstrip(),
                meanings,
                f"Every figure of every network: [{STEM}.csv]({STEM}.csv). Made by `{command}`.",
            ]
        )
        + "\n"
    )


def _twin(row: Row) -> str:
    return f"`{row.arm.twin}`" if row.arm.twin else "-"
