"""Arguments that several commands take."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topogrid.interventions.catalogue import choose, parse_units
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import KINDS, TrainConfig, from_text


def check_there(path: str) -> None:
    """Refuse a run that is not there, before anything slow is imported.

    Raises
    ------
    ValueError
        With what to give instead.
    """
    if not Path(path).exists():
        RunFolder.open(path)


def declare_format(parser: argparse.ArgumentParser) -> None:
    """Add the format of pictures."""
    parser.add_argument("--format", choices=("png", "pdf"), default="png", help="pdf: pictures as vector PDFs too")


def declare_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add flags of the settings ``names``; `given_settings` reads their values."""
    for field in dataclasses.fields(TrainConfig):
        if field.name in names:
            kind = KINDS[field.name]
            parser.add_argument(
                *dict.fromkeys((f"--{field.name}", f"--{field.name.replace('_', '-')}")),
                nargs="+" if kind.several else "?" if kind.switch else None,
                const="true" if kind.switch else None,
                metavar=field.metadata["unit"].upper() or kind.metavar,
                help=field.metadata["help"],
            )


def given_settings(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings that the command line names.

    Raises
    ------
    SettingsError
        If a text is no value of its setting.
    """
    given = {name: getattr(arguments, name, None) for name in names}
    return {name: from_text(name, texts, f"--{name}") for name, texts in given.items() if texts is not None}


def declare_silence(parser: argparse.ArgumentParser) -> None:
    """Add units to silence."""
    parser.add_argument(
        "--silence",
        nargs="+",
        metavar="UNIT",
        help="silence these units: their numbers in units.csv, or ranges like 40-63",
    )


def planned(names: Sequence[str] | None, units: Sequence[str] | None) -> tuple[list[str], list[int]]:
    """Return the named interventions, none where there are no names, and the units to silence."""
    return choose(names) if names else [], parse_units(units or ())
