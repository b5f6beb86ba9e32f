"""The files of a run that are read for reports, each checked: a damaged one costs its own numbers and a note."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topogrid.measures import current_metrics
from topogrid.reading import (
    Key,
    UnreadableError,
    checked,
    number,
    parse_json,
    read_bytes,
    read_lines,
    read_object,
    whole,
)

Float = NDArray[np.float64]

_MOST_TABLE_BYTES = 200_000_000  # of units.csv: 128 x 128 units have 3 MB
_LARGEST_STEP = 10**12  # more steps than anyone trains, and the digits of a file name
_ANALYSIS = {
    "step": Key(int),
    "settings": Key(dict, object),
    "claims": Key(list, str),
    "notes": Key(list, str),
}
_HEADLINE = {"outcomes": Key(list, dict), "picture": Key(str)}
_OUTCOME = {
    "name": Key(str),
    "about": Key(str),
    "note": Key(str),
    "median_deviation": Key(float),
    "score_above_0.8": Key(float),
    "before_m": Key(list, float),
    "predicted_m": Key(list, float),
    "measured_m": Key(list, float),
}


class Analysis(NamedTuple):
    """How a run was measured again, and what that lets a person say."""

    step: int | None
    settings: dict[str, Any]
    claims: list[str]
    notes: list[str]


class Summary(NamedTuple):
    """What ``summary.json`` holds; NaN where a number has no value."""

    numbers: dict[str, float]
    analysis: Analysis | None


def read_rows(path: Path, notes: list[str]) -> list[dict[str, float]]:
    """Read the rows of ``metrics.jsonl`` that are rows: each has a step, and NaN where a number has no value.

    Numbers that an older version wrote come by the names they have now. A torn last line is left out in silence.
    """
    rows: list[dict[str, float]] = []
    bad_lines = bad_values = 0
    line = b""
    try:
        for line in read_lines(path):
            row = _row(line)
            if row is not None:
                bad_values += sum(value is not None and not isinstance(value, int | float) for value in row.values())
                rows.append({name: number(value) for name, value in current_metrics(row).items()})
            elif line.endswith(b"\n"):
                bad_lines += 1
    except UnreadableError as error:
        notes.append(f"its curves end early: {error}" if rows else f"its curves are left out: {error}")
    if line and not rows:
        notes.append(f"{path.name} holds no row of metrics")
    elif bad_lines:
        notes.append(f"{path.name} has {bad_lines} lines that are no rows of metrics and are left out")
    if bad_values:
        notes.append(f"{path.name} has {bad_values} values that are no numbers and are left out")
    return rows


def _row(line: bytes) -> dict[str, Any] | None:
    """Return the object on a line, ``None`` if it is none, or one without a step that a run can have."""
    try:
        row = parse_json(line, "a line")
    except UnreadableError:
        return None
    step = whole(row.get("step")) if isinstance(row, dict) else None
    return row if step is not None and step < _LARGEST_STEP else None


def read_summary(path: Path, notes: list[str]) -> Summary:
    """Read ``summary.json``; empty where there is none."""
    found = _object(path, notes)
    analysis = checked(found, {"analysis": Key(dict)}, path.name, notes).get("analysis")
    numbers = {name: number(value) for name, value in current_metrics(found).items() if name != "analysis"}
    if analysis is None:
        return Summary(numbers, None)
    kept = checked(analysis, _ANALYSIS, f"{path.name}, analysis", notes)
    settings = {name: value for name, value in kept.get("settings", {}).items() if _plain(value)}
    return Summary(numbers, Analysis(whole(kept.get("step")), settings, kept.get("claims", []), kept.get("notes", [])))


def _plain(value: object) -> bool:
    """Whether a value is one that a setting can have."""
    if isinstance(value, list):
        return all(not isinstance(one, list) and _plain(one) for one in value)
    return isinstance(value, str | bool) or math.isfinite(number(value))


def read_versions(path: Path, notes: list[str]) -> dict[str, str]:
    """Read ``versions.json``: what a run wrote down about the machine and its software; empty where there is none."""
    return {name: value if isinstance(value, str) else _told(value) for name, value in _object(path, notes).items()}


def _told(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "unknown"


def read_headline(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Read what interventions did, an entry each, and the name of their picture; empty where there is nothing."""
    notes: list[str] = []
    kept = checked(_object(path, notes), _HEADLINE, path.name, notes)
    return [checked(one, _OUTCOME, path.name, notes) for one in kept.get("outcomes", [])], kept.get("picture", "")


def _object(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        return read_object(path)
    except UnreadableError as error:
        notes.append(f"left out: {error}")
        return {}


def read_units_table(path: Path) -> dict[str, Float]:
    """Read a table of numbers such as ``units.csv``: columns ``(unit,)``, NaN where a cell is empty.

    Raises
    ------
    UnreadableError
        If it is no such table.
    """
    try:
        text = read_bytes(path, _MOST_TABLE_BYTES).decode("utf-8-sig")
        head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if any(len(row) != len(head) for row in rows) or not rows:
            raise UnreadableError(f"{path.name} has rows that are not of its {len(head)} columns, or none")
        columns = np.array([[float(cell or "nan") for cell in row] for row in rows]).T
    except UnreadableError:
        raise
    except (ValueError, csv.Error) as error:
        raise UnreadableError(f"{path.name} is no table of numbers: {str(error)[:80]}") from None
    columns[~np.isfinite(columns)] = np.nan
    return dict(zip(head, columns, strict=True))
