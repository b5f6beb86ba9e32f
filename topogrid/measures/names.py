"""All measures by their names, the names that they had, and what any name means."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TypeVar

from topogrid.measures import decoding, maps, training
from topogrid.measures.record import Measure

Value = TypeVar("Value")

_MAPS = (*maps.UNITS, *maps.SHEET, *map(maps.of_all_lattices, maps.SHEET))

MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        *training.TRAINING,
        *training.TIME_CONSTANTS,
        *training.MACHINE,
        *decoding.DECODING,
        *(
            one._replace(key=one.key.format(moment), about=one.about.format(moment))
            for moment in decoding.MOMENTS
            for one in decoding.AT_A_MOMENT
        ),
        *decoding.MODULES,
        *_MAPS,
        *map(maps.from_the_start, _MAPS),
    )
}
"""Every number that is logged beside the terms of the loss; errors are also told at other moments, see `meaning`."""

METRICS: dict[str, str] = {key: one.about for key, one in MEASURES.items()}
"""What each means."""

OLD_METRICS = {
    "n_modules": "n_scale_clusters",
    "module_bic_gain": "scale_cluster_bic_gain",
    "module_ratio": "scale_cluster_ratio",
    "module_smallest_share": "scale_cluster_smallest_share",
    "module_separation": "scale_cluster_separation",
}
"""Names that tracked numbers had, the part after the last slash, and the names they have now."""


def current_metrics(row: Mapping[str, Value]) -> dict[str, Value]:
    """Return tracked numbers, as an older version may have written them, by the names they have now."""

    def current(name: str) -> str:
        group, slash, last = name.rpartition("/")
        return group + slash + OLD_METRICS.get(last, last)

    return {current(name): value for name, value in row.items()}


def known(key: str, described: Collection[str]) -> str:
    """Return a name that is described.

    Raises
    ------
    ValueError
        If it is not, with the name most alike.
    """
    if key in described:
        return key
    near = difflib.get_close_matches(key, described, n=1)
    raise ValueError(f"{key!r} is not described in topogrid/measures" + (f"; is {near[0]!r} meant?" if near else ""))


def at_a_moment(key: str) -> bool:
    """Whether a logged number is told at moments that a run chooses."""
    return decoding.moment_of(key) is not None


def has_panel(key: str) -> bool:
    """Whether a dashboard shows a logged number without being asked; 60 panels at once show nothing."""
    found = MEASURES.get(key) or decoding.at_its_moment(key)
    return found is None or found.panel


def meaning(key: str) -> str | None:
    """Say what a logged number means, errors at any moment of the long walks included; ``None`` if nothing does."""
    found = MEASURES.get(key) or decoding.at_its_moment(key)
    return None if found is None else found.about
