"""``metrics.jsonl``: one JSON object a line, one line a logged step; nothing is lost, nothing is told twice."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from topogrid.files import put_in_place, write_beside
from topogrid.measures import current_metrics

MOST_DRAWN = 2000  # rows: more than a curve has pixels


class MetricsFile:
    """Rows appended to ``metrics.jsonl``, each on the disk's side before `append` returns.

    A full disk loses nothing: rows that could not be written wait in memory and go first next time, and a row written
    by half is taken back. A torn last line, left by a run that was killed, is removed when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self._length = self._file.read().rfind(b"\n") + 1
        self._file.truncate(self._length)
        self._waiting: list[bytes] = []

    @property
    def n_waiting(self) -> int:
        """Rows that the disk has not taken yet."""
        return len(self._waiting)

    def append(self, row: Mapping[str, float]) -> None:
        """Write a row; numbers that are not finite become null, which is what JSON has for them.

        Raises
        ------
        OSError
            If the disk does not take it; the row is kept for the next call.
        """
        finite = {key: value if math.isfinite(value) else None for key, value in row.items()}
        self._waiting.append(json.dumps(finite).encode() + b"\n")
        self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        while self._waiting:
            try:
                written = self._file.write(self._waiting[0])
                if written != len(self._waiting[0]):
                    raise OSError("the disk took half a row")
            except OSError:
                with suppress(OSError):
                    self._file.truncate(self._length)
                raise
            self._length += written
            del self._waiting[0]

    def close(self) -> None:
        """Try once more to write what waits, then close; a second time does nothing."""
        if self._file.closed:
            return
        with suppress(OSError):
            self.flush()
        self._file.close()


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Read the rows of a ``metrics.jsonl``, null as NaN; a torn last line is left out, a missing file has no rows.

    Numbers that an older version wrote come by the names they have now.

    Raises
    ------
    ValueError
        If any other line is not a JSON object.
    """
    return list(iterate_metrics(path))


def iterate_metrics(path: str | Path) -> Iterator[dict[str, float]]:
    """Read row by row what `read_metrics` reads at once."""
    path = Path(path)
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = _parse_row(line)
            if row is not None:
                yield current_metrics(row)
            elif line.endswith(b"\n"):
                raise ValueError(f"{path} line {number} is not a row of metrics: {line[:60]!r}; was the file edited?")


def thinned_metrics(path: str | Path, most: int = MOST_DRAWN) -> list[dict[str, float]]:
    """Read about ``most`` rows of training, evenly over the run, and all evaluations: enough to draw, however long."""
    path = Path(path)
    if not path.exists():
        return []
    with path.open("rb") as file:
        n_rows = sum(1 for _ in file)
    every = -(-n_rows // most) if n_rows > most else 1
    return [
        row
        for number, row in enumerate(iterate_metrics(path), start=1)
        if number % every == 0 or number in (1, n_rows) or "validation/trajectory_error_cm" in row
    ]


def truncate_metrics(path: str | Path, step: int, *, evaluated: bool = True) -> int:
    """Drop the rows after ``step`` (and lines that are no rows), so that a resumed run writes each step once.

    Rows of ``step`` itself stay: whatever belongs to a step is logged before its checkpoint is saved. Only an
    evaluation may come after it; without ``evaluated`` the row of one at ``step`` is dropped, for it is made again.

    Returns
    -------
    int
        Number of lines dropped.
    """
    path = Path(path)
    if not path.exists():
        return 0

    def stays(line: bytes) -> bool:
        row = _parse_row(line) if line.endswith(b"\n") else None
        if row is None or row.get("step", 0) > step:
            return False
        return evaluated or row.get("step", 0) < step or not any(key.startswith("validation/") for key in row)

    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if stays(line)]
    if len(kept) < len(lines):
        put_in_place(write_beside(path, lambda file: file.writelines(kept)), path)
    return len(lines) - len(kept)


def _parse_row(line: bytes) -> dict[str, float] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    return {key: math.nan if value is None else value for key, value in row.items()}
