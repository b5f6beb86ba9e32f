"""What a topographic loss on weights does to the sheet: lattices of small patches, beside units in random order."""

from __future__ import annotations

from collections.abc import Sequence

from topogrid.study.table import Row, told

LOSS, WITHOUT = "dense_topo", "dense"
"""Arms with and without the loss."""
ENOUGH_CELLS = 5.0
"""Percent of units that have to be grid cells before their topography can be told."""

_COLUMNS = (
    ("gate %", 0), ("25 best", 2), ("patch score", 2), ("permuted score", 2), ("patch turn", 1), ("permuted turn", 1),
    ("locality", 2), ("0.4 s cm", 1),
)  # fmt: skip
_THEIRS = (
    "In a network of 4,096 units whose lattices all have one spacing, such a loss raised the smallest score in a patch "
    "from 0.21 to 0.76 and lowered the spread of orientation from 2.2 to 0.7 degrees, with about the same grid scores "
    "and errors (read in a notebook of the murtylab fork of grid-pattern-formation)."
)


def topography_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return the figures of patches, a row an arm; "permuted" are the same units in random order."""
    columns = ["arm", *(name for name, _ in _COLUMNS)]
    body = [[row.arm.name, *(told(row.values[name], digits) for name, digits in _COLUMNS)] for row in rows]
    return columns, body


def topography_sentences(rows: Sequence[Row]) -> list[str]:
    """Say what the loss changed; nothing unless there are networks with it and without."""
    by_arm = {row.arm.name: row for row in rows}
    if LOSS not in by_arm or WITHOUT not in by_arm:
        return []
    with_loss, without = by_arm[LOSS], by_arm[WITHOUT]

    def pair(name: str, digits: int) -> str:
        return f"{told(with_loss.values[name], digits)} with the loss, {told(without.values[name], digits)} without it"

    said = [
        f"Weights between next neighbours over those between all units: {pair('locality', 2)}. Smallest grid score in "
        f"a patch: {pair('patch score', 2)}; units permuted {told(with_loss.values['permuted score'], 2)}. Spread of "
        f"orientation in a patch, degrees: {pair('patch turn', 1)}.",
    ]
    cells = with_loss.values["gate %"].mean
    if cells < ENOUGH_CELLS:
        said.append(
            f"{cells:.0f} % of these units are grid cells, too few for a topography of grid cells, whatever the loss "
            "does."
        )
    return [*said, _THEIRS]
