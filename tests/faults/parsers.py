"""The parsers of files that come from others, and a search for bytes that they do not expect.

A parser returns or raises one of its documented errors, whatever the bytes. ``python -m tests.faults.parsers NAME
--seconds N`` searches, guided by the branches it reaches; that needs ``atheris``, which nothing else needs. What it
keeps in ``tests/data/corpus`` is tried by ``test_parsers.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

DATA = Path(__file__).resolve().parent.parent / "data"
CORPUS = DATA / "corpus"
RUN = DATA / "0.3.0" / "attractor"
LARGEST_KEPT = 2000  # bytes
MOST_KEPT = 40


_TABLE = b"t,x,y\n" + b"".join(b"%.2f,%.3f,%.3f\n" % (0.02 * k, 0.001 * k, 0.002 * k) for k in range(60))
_TRACKER = b"time;x1;y1;x2;y2\n" + b"".join(
    b"%d,%02d;0,%02d;0,2;0,%02d;0,21\n" % (k // 50, 2 * (k % 50), k, k + 1) for k in range(60)
)
FIRST: dict[str, tuple[Path | bytes, ...]] = {
    "settings": (RUN / "config.json",),
    "metrics": (RUN / "metrics.jsonl",),
    "results": (RUN / "summary.json", RUN / "versions.json"),
    "units": (b"unit,tau_steps\n0,1.5\n1,\n",),
    "walk": (_TABLE, _TRACKER),
    "arrays": tuple(sorted(RUN.glob("evaluation/*.npz")))[:1],
}
"""Good files to begin with, by parser."""


class Parser(NamedTuple):
    """A parser of one kind of file."""

    file: str
    """Name of the file that it is given."""
    read: Callable[[Path], object]
    errors: tuple[type[BaseException], ...]
    """What it may raise."""


def parsers_of_files() -> dict[str, Parser]:
    """Return all parsers by their names; what they need is imported here, so that a search can watch it."""
    from topogrid.evaluation.saved import SavedEvaluation
    from topogrid.reading import UnreadableError
    from topogrid.reports.run_files import read_headline, read_rows, read_summary, read_units_table, read_versions
    from topogrid.runs.metrics_log import read_metrics
    from topogrid.settings.errors import SettingsError
    from topogrid.settings.saved import read_settings
    from topogrid.world.recordings import read_recording

    def metrics(path: Path) -> None:
        read_rows(path, [])
        read_metrics(path)

    def results(path: Path) -> None:
        read_summary(path, [])
        read_versions(path, [])
        read_headline(path)

    return {
        "settings": Parser("config.json", read_settings, (SettingsError,)),
        "metrics": Parser("metrics.jsonl", metrics, (ValueError,)),
        "results": Parser("summary.json", results, (UnreadableError,)),
        "units": Parser("units.csv", read_units_table, (UnreadableError,)),
        "walk": Parser("walk.csv", read_recording, (ValueError,)),
        "arrays": Parser(
            "step_00000001.npz",
            lambda path: SavedEvaluation(path),
            (UnreadableError,),
        ),
    }


def try_bytes(parser: Parser, data: bytes, folder: Path) -> None:
    """Give bytes to a parser; any error but those that it may raise is passed on."""
    path = folder / parser.file
    path.write_bytes(data)
    with contextlib.suppress(*parser.errors):
        parser.read(path)


def search(name: str, seconds: int) -> int:
    """Search for bytes that a parser does not expect, and keep small inputs that reach something new.

    Returns
    -------
    int
        0, or the exit code of a search that found something; the bytes are then in the folder of now, ``crash-...``.
    """
    with tempfile.TemporaryDirectory() as place:
        found, desk = Path(place) / "found", Path(place) / "desk"
        found.mkdir()
        desk.mkdir()
        for number, first in enumerate(FIRST[name]):
            (found / f"first{number}").write_bytes(first if isinstance(first, bytes) else first.read_bytes())
        for kept in sorted((CORPUS / name).glob("*")):
            shutil.copy(kept, found / kept.name)
        # The search ends its process by itself.
        child = os.fork()
        if child == 0:
            _search_until_the_end(name, seconds, found, desk)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _keep(found, CORPUS / name)
    return code


def _search_until_the_end(name: str, seconds: int, found: Path, desk: Path) -> NoReturn:
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["topogrid"], enable_loader_override=False):
        parser = parsers_of_files()[name]
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=4096", "-timeout=20", "-max_len=200000"]
    atheris.Setup([sys.argv[0], str(found), *options], lambda data: try_bytes(parser, data, desk))
    atheris.Fuzz()
    os._exit(0)


def _keep(found: Path, corpus: Path) -> None:
    """Keep the smallest of what was found."""
    corpus.mkdir(parents=True, exist_ok=True)
    there = sorted((path for path in found.iterdir() if path.stat().st_size <= LARGEST_KEPT), key=_size)
    for path in there[:: max(1, len(there) // MOST_KEPT)][:MOST_KEPT]:
        shutil.copy(path, corpus / path.name)


def _size(path: Path) -> tuple[int, str]:
    return path.stat().st_size, path.name


def main() -> int:
    """Search with one parser."""
    arguments = argparse.ArgumentParser(prog="python -m tests.faults.parsers", description=__doc__)
    arguments.add_argument("name", choices=list(FIRST))
    arguments.add_argument("--seconds", type=int, default=600, help="how long (default: %(default)s)")
    given = arguments.parse_args()
    return search(given.name, given.seconds)


if __name__ == "__main__":
    sys.exit(main())
