"""Arguments that several commands take."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from topogrid.interventions.interventions import (
    choose,
    parse_units,
)
from topogrid.settings.config import TrainConfig


def declare_format(parser: argparse.ArgumentParser) -> None:
    """Add the format of pictures."""
    parser.add_argument("--format", choices=("png", "pdf"), default="png", help="pdf: pictures as vector PDFs too")


def declare_settings(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    """Add flags of the settings ``names``; their values stay text, which `TrainConfig` checks."""
    for field in dataclasses.fields(TrainConfig):
        if field.name in names:
            several = isinstance(field.default, tuple)
            switch = isinstance(field.default, bool)
            parser.add_argument(
                *dict.fromkeys((f"--{field.name}", f"--{field.name.replace('_', '-')}")),
                nargs="+" if several else "?" if switch else 1,
                const=["true"] if switch else None,
                metavar="true|false" if switch else field.metadata["unit"].upper() or "X",
                help=field.metadata["help"],
            )


def given_settings(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings that the command line names, as `TrainConfig` takes them."""
    given = {}
    for name in names:
        texts = getattr(arguments, name, None)
        if texts is not None:
            values = [value_of(text) for text in ([texts] if isinstance(texts, str) else texts)]
            given[name] = values[0] if len(values) == 1 else values
    return given


def value_of(text: str) -> Any:
    """Return the number or the truth value that a text stands for, else the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


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
