"""What a person is told of interventions, by the two commands that do them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from topogrid.cli.progress import Progress
from topogrid.cli.screen import complain
from topogrid.tables import to_text

if TYPE_CHECKING:
    from topogrid.interventions.condition import Condition
    from topogrid.runs.folder import RunFolder


def show_headline(condition: Condition, folder: RunFolder) -> None:
    """Measure what is predicted of every module, and say it."""
    from topogrid.interventions.files import measure_headline_into
    from topogrid.interventions.modules import KEY, headline_table
    from topogrid.reports.explorer import write_report

    with _progress(folder) as progress:
        found = measure_headline_into(folder, condition, progress)
    print(to_text(*headline_table(found.outcomes)))
    print(KEY)
    complain(f"Picture: {found.picture}   Module by module: {found.stem}.md .csv .json .npz")
    if any(folder.evaluation.glob("step_*.npz")):
        complain(f"Page: {write_report(folder, condition.config)}")


def show_table(condition: Condition, wanted: Sequence[str], chosen: Sequence[int], folder: RunFolder) -> None:
    """Measure the wanted interventions and the silencing of chosen units, and say what they do."""
    from topogrid.interventions.files import measure_table_into
    from topogrid.interventions.report import key, key_table
    from topogrid.interventions.table import obstacles

    for name, reason in obstacles(condition, wanted).items():
        complain(f"left out {name}: {reason}")
    with _progress(folder) as progress:
        found = measure_table_into(folder, condition, wanted, chosen, progress=progress)
    print(to_text(*key_table(found.outcomes)))
    for outcome in found.outcomes:
        if outcome.note:
            print(f"{outcome.name}: {outcome.note}")
    print(key(found.outcomes))
    complain(f"Everything measured: {found.stem}.csv .json .md .npz .png")


@contextmanager
def _progress(folder: RunFolder) -> Iterator[Callable[[str, int, int], None]]:
    """Show what has been measured, and say where that is if somebody stops."""
    measured: list[str] = []
    beginning = "Measuring the network as it is and after every change, one after the other ..."
    with Progress("measurement", beginning) as progress:

        def tell(name: str, count: int, of: int) -> None:
            measured.append(name)
            progress(name, count, of)

        try:
            yield tell
        except KeyboardInterrupt:
            if measured:
                where = folder.path / "interventions"
                complain(f"{len(measured)} measured until now: kept in {where}, unless an answer there was complete")
            raise
