"""``metrics.jsonl``: one JSON object a line, one line a logged step; nothing is lost, nothing is told twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from topogrid.files import open_regular, open_to_append, put_in_place, to_json, write_beside
from topogrid.measures import current_metrics
from topogrid.measures.decoding import ERROR

_LONGEST_LINE = 2**20  # bytes; a row has about a thousand
_MOST_BYTES = 2**32  # of the whole file: rows of millions of steps
_LARGEST_NUMBER = 2**63

MOST_DRAWN = 2000  # rows: more than a curve has pixels


def _end_of_rows(file: IO[bytes]) -> int:
    """Return where the last whole line of a file ends; read from its end, however long it is."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _LONGEST_LINE)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


class MetricsFile:
    """Rows appended to ``metrics.jsonl``, each on the disk's side before `append` returns.

    A full disk loses nothing: rows that could not be written wait in memory and go first next time, and a row written
    by half is taken back. A torn last line, left by a run that was killed, is removed when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = open_to_append(path)
        self._length = _end_of_rows(self._file)
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
        self._waiting.append(to_json(dict(row)).encode() + b"\n")
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
    for number, line in enumerate(_lines(Path(path)), start=1):
        row = _parse_row(line)
        if row is not None:
            yield current_metrics(row)
        elif line.endswith(b"\n") or len(line) == _LONGEST_LINE:
            raise ValueError(f"{path} line {number} is not a row of metrics: {line[:60]!r}; was the file edited?")


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, of one too long to be a row only the beginning and then its rest; none of no file."""
    with suppress(FileNotFoundError), open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise ValueError(f"{path} is larger than {_MOST_BYTES:,} bytes, which no table of metrics is")
        while line := file.readline(_LONGEST_LINE):
            yield line


def thinned_metrics(path: str | Path, most: int = MOST_DRAWN) -> list[dict[str, float]]:
    """Read about ``most`` rows of training, evenly over the run, and all evaluations: enough to draw, however long."""
    path = Path(path)
    n_rows = sum(1 for _ in _lines(path))
    every = -(-n_rows // most) if n_rows > most else 1
    return [
        row
        for number, row in enumerate(iterate_metrics(path), start=1)
        if number % every == 0 or number in (1, n_rows) or ERROR.key in row
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

    def stays(line: bytes) -> bool:
        row = _parse_row(line) if line.endswith(b"\n") else None
        if row is None or row.get("step", 0) > step:
            return False
        return evaluated or row.get("step", 0) < step or not any(key.startswith("validation/") for key in row)

    n_dropped = sum(not stays(line) for line in _lines(path))
    if n_dropped:
        put_in_place(write_beside(path, lambda file: file.writelines(filter(stays, _lines(path)))), path)
    return n_dropped


def _parse_row(line: bytes) -> dict[str, float] | None:
    """Return the numbers of a line by their names, null as NaN; ``None`` if it is no row of a run."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not all(map(_is_number, row.values())):
        return None
    step = row.get("step", 0)
    if type(step) is not int or step < 0:
        return None
    return {key: math.nan if value is None else value for key, value in row.items()}


def _is_number(value: object) -> bool:
    return value is None or type(value) is float or (type(value) is int and abs(value) <= _LARGEST_NUMBER)
