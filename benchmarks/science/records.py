"""Read the records of the published runs, and write single numbers of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

GALLERY = Path("tau_imgs")
MOMENTS = ("0.4", "2", "10", "60")  # s


class Record(NamedTuple):
    """What is on disk of a published run."""

    name: str
    summary: dict[str, Any]
    config: dict[str, Any]
    versions: dict[str, Any]
    headline: list[dict[str, Any]]
    rat: dict[str, Any]


def read_record(name: str, gallery: Path = GALLERY) -> Record | None:
    """Return the record of a run, ``None`` where there is none."""
    folder = gallery / name / "record"
    if not (folder / "summary.json").is_file():
        return None

    def read(file: str) -> dict[str, Any]:
        path = folder / file
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    headline = read("headline.json").get("outcomes", [])
    return Record(
        name, read("summary.json"), read("config.json"), read("versions.json"), headline, read("follow_sargolini.json")
    )


def number(record: Record, key: str, form: str, factor: float = 1.0) -> str:
    """Write a number of a summary; ``-`` where it was not measured."""
    value = record.summary.get(key)
    return "-" if value is None or not math.isfinite(value) else f"{factor * value:{form}}"


def errors(record: Record, prefix: str) -> str:
    """Write the mean errors at `MOMENTS`, cm."""
    told = [number(record, f"validation/{prefix}error_{moment}s_cm", ".1f") for moment in MOMENTS]
    return " / ".join(told) if set(told) != {"-"} else "-"


def slope(record: Record) -> str:
    """Write the slope of log spacing on log tau: over modules, else over units with a lattice."""
    over_modules = number(record, "validation/module_scaling_slope", ".2f")
    return over_modules if over_modules != "-" else number(record, "validation/lattices/scaling_slope", "+.2f")
