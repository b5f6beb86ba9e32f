"""Compare runs: group them by what differs in their settings, pool their seeds, say what can be said over networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from topogrid.analysis.networks.groups import Group, Member
from topogrid.analysis.networks.inference import Difference, MeanInterval, compare_groups, mean_interval
from topogrid.measures.decoding import MODULE_SLOPE
from topogrid.measures.record import Measure
from topogrid.measures.shown import COMPARED
from topogrid.reports.records import RunRecord, read_evaluation, read_units
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError, did_you_mean
from topogrid.settings.fields import SCIENCE
from topogrid.settings.network_kind import NetworkKind

KIND = NetworkKind._fields
MODE = "mode"
"""Stands for `KIND` in ``--by``: wiring, tau and topoloss."""

MOST_APART = 3  # settings in which groups differ besides, each told in a sentence of its own


UNKNOWN = "unknown"
"""Value of a setting in a run from before it was one: not today's default, which may be another."""

# A setting that may be auto, and the property that says what it came to.
_RESOLVED = {"signed_start": "starts_signed"}


class Line(NamedTuple):
    """One measure in every group."""

    measure: Measure
    values: tuple[np.ndarray[Any, np.dtype[np.float64]], ...]
    """``(network,)`` of each group, in the measure's unit."""
    intervals: tuple[MeanInterval, ...]
    """Of each group."""
    differences: tuple[Difference, ...]
    """Of each group but the first, from the first."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs compared.

    Attributes
    ----------
    groups : tuple of Group
        The first is what the others are compared with: the plain one, if there is one.
    records : tuple of tuple of RunRecord
        The runs of each group.
    by : tuple of str
        Settings that tell the groups apart.
    lines : tuple of Line
        The table.
    warnings : tuple of str
        Why a comparison may not be fair, and what is missing, a sentence each.
    """

    groups: tuple[Group, ...]
    records: tuple[tuple[RunRecord, ...], ...]
    by: tuple[str, ...]
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]


def compare(
    records: Sequence[RunRecord], rng: np.random.Generator, *, by: Sequence[str] = (), notes: Sequence[str] = ()
) -> Comparison:
    """Compare runs.

    Parameters
    ----------
    records : sequence of RunRecord
    rng : numpy.random.Generator
        Draws the permutations of large groups.
    by : sequence of str
        Settings to group by, ``mode`` for plain, tau and topoloss; all that differ by default.
    notes : sequence of str
        What a reader has to know of how the runs were found.

    Returns
    -------
    Comparison

    Raises
    ------
    SettingsError
        If ``by`` names no setting.
    ValueError
        If there are fewer than two networks.
    """
    warnings = list(notes)
    records = _evaluated(_one_a_network(records, warnings), warnings)
    if len(records) < 2:
        raise ValueError(f"a comparison needs at least two trained networks, got {len(records)}; give more runs")
    differing = [name for name in _scientific() if len(_values(records, name)) > 1]
    chosen = _named(by) if by else differing
    pooled = [name for name in differing if name not in chosen]
    warnings += [f"Pooled although they differ in {name}: {_listed(_values(records, name))}." for name in pooled]
    parts = _split(records, chosen)
    warnings += _not_comparable(records)
    names, confounded = _names([part[0] for part in parts], chosen)
    warnings += confounded
    groups = tuple(
        Group(
            name,
            part[0].config.kind.label,
            tuple(_member(record, warnings) for record in part),
        )
        for name, part in zip(names, parts, strict=True)
    )
    warnings += _few(groups)
    modular = any(part[0].config.modules_per_side > 1 for part in parts)
    lines = tuple(_line(one, groups, rng) for one in COMPARED if modular or one is not MODULE_SLOPE)
    warnings += _without_value(groups, parts)
    return Comparison(groups, tuple(map(tuple, parts)), tuple(chosen), lines, tuple(dict.fromkeys(warnings)))


def _scientific() -> list[str]:
    return [field.name for field in dataclasses.fields(TrainConfig) if field.metadata["group"] in SCIENCE]


def _setting(record: RunRecord, name: str) -> Any:
    """Return what a setting came to; ``None`` where it has no effect, so that it makes no difference."""
    if name in record.unknown:
        return UNKNOWN
    if name == "steps" and record.n_turns:  # not what an unbroken run of as many steps is
        return f"{record.config.steps} with {record.n_turns} change(s) on the way"
    return getattr(record.config, _RESOLVED.get(name, name)) if record.config.has_effect(name) else None


def _values(records: Sequence[RunRecord], name: str) -> list[Any]:
    """Return the distinct values of a setting among the runs in which it has an effect, in the order of the runs."""
    return list(dict.fromkeys(_setting(one, name) for one in records if one.config.has_effect(name)))


def _named(by: Sequence[str]) -> list[str]:
    """Return the settings that a person named, or say that there is none of that name."""
    fields = {field.name: field.name for field in dataclasses.fields(TrainConfig)}
    chosen: list[str] = []
    for word in by:
        name = word.lstrip("-").replace("-", "_")
        if name == MODE:
            chosen += KIND
        elif name in fields:
            chosen.append(name)
        else:
            raise SettingsError(f"--by names settings, and {word!r} is none{did_you_mean(name, [MODE, *fields])}")
    return list(dict.fromkeys(chosen))


def _one_a_network(records: Sequence[RunRecord], warnings: list[str]) -> list[RunRecord]:
    """Leave out runs that trained the same network again: they would count as more evidence than there is."""
    names = [*_scientific(), "seed"]
    kept: dict[tuple[Any, ...], RunRecord] = {}
    for record in sorted(records, key=lambda one: (one.finished, one.steps_done, one.started)):
        identity = tuple(_setting(record, name) for name in names)
        if identity in kept:
            warnings.append(
                f"{kept[identity].name} is left out: {record.name} has the same settings and the same seed, so it is "
                "the same network trained again, not another one."
            )
        kept[identity] = record
    chosen = list(kept.values())
    return [record for record in records if record in chosen]


def _evaluated(records: Sequence[RunRecord], warnings: list[str]) -> list[RunRecord]:
    """Leave out runs that were never evaluated, of which nothing can be told."""
    left_out = [one.name for one in records if one.measured_step is None]
    if left_out:
        warnings.append(f"Left out, for they were never evaluated: {', '.join(left_out)}.")
    return [one for one in records if one.measured_step is not None]


def _split(records: Sequence[RunRecord], names: Sequence[str]) -> list[list[RunRecord]]:
    """Return the runs by their values of the settings, plain networks first, seeds in order."""
    parts: dict[tuple[Any, ...], list[RunRecord]] = {}
    for record in records:
        parts.setdefault(tuple(_setting(record, name) for name in names), []).append(record)
    ordered = sorted(parts.items(), key=lambda item: (not item[1][0].config.kind.plain, _sortable(item[0])))
    return [sorted(part, key=lambda one: (one.config.seed, one.name)) for _values, part in ordered]


def _sortable(values: tuple[Any, ...]) -> list[tuple[bool, float, str]]:
    return [(isinstance(v, str), float(v) if isinstance(v, int | float) else 0.0, str(v)) for v in values]


def _names(first: Sequence[RunRecord], differing: Sequence[str]) -> tuple[list[str], list[str]]:
    """Name groups by as few settings as tell them apart, and say which others differ along with these."""
    kinds = [one.config.kind.label for one in first]
    names = kinds if not differing or set(differing) & set(KIND) else [""] * len(kinds)
    along = []
    for setting in differing:
        if setting in KIND:
            continue
        told = [
            f"{setting} {_shown(_setting(one, setting))}" if one.config.has_effect(setting) else "" for one in first
        ]
        longer = [", ".join(filter(None, pair)) for pair in zip(names, told, strict=True)]
        if len(set(longer)) > len(set(names)):
            names = longer
        else:
            along.append((setting, told))
    names = [name or kind for name, kind in zip(names, kinds, strict=True)]
    if len(along) > MOST_APART:
        each = [f"{setting} ({_side_by_side(setting, told)})" for setting, told in along]
        differences = [f"{len(along)} more settings (in the order of the groups): {', '.join(each)}"]
    else:
        sides = [(setting, "; ".join(map(": ".join, zip(names, told, strict=True)))) for setting, told in along]
        differences = [f"{setting} too ({told})" for setting, told in sides]
    return names, [f"The groups differ in {one}, so what is found may come from that." for one in differences]


def _side_by_side(setting: str, told: Sequence[str]) -> str:
    return "; ".join(one.removeprefix(setting).strip() or "-" for one in told)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(_shown, values))


def _not_comparable(records: Sequence[RunRecord]) -> list[str]:
    """Say in what else than their network the runs differ."""
    tasks, measurements = [], []
    for field in dataclasses.fields(TrainConfig):
        name, group = field.name, field.metadata["group"]
        unit = f" {field.metadata['unit']}" if field.metadata["unit"] else ""
        if group == "task" and len(values := _values(records, name)) > 1:
            tasks.append(f"{name} is {_listed(values)}{unit}")
        if group == "evaluation":
            values = list(dict.fromkeys(_measured_with(one, name) for one in records))
            if len(values) > 1:
                measurements.append(f"{name} is {_listed(values)}{unit}")
    told = [f"Not the same task: {'; '.join(tasks)}; errors and spacings do not compare."] if tasks else []
    if measurements:
        told.append(f"Not measured alike: {'; '.join(measurements)}; `analyze` measures a run again.")
    if len(asked := _values(records, "steps")) > 1:
        told.append(f"Not trained equally long: {_listed(asked)} steps were asked for.")
    told += [
        f"{one.name} is not finished: {one.steps_done} of {one.config.steps} steps, measured at step "
        f"{one.measured_step}."
        for one in records
        if not one.finished
    ]
    told += [
        f"{one.name} was trained on with other settings of learning (times: {one.n_turns}), as with "
        "more steps than its schedule had, so it is not pooled with runs that were trained in one go."
        for one in records
        if one.n_turns
    ]
    for what, name in (("commits", "commit"), ("precisions", "precision"), ("versions of torch", "torch")):
        found = list(dict.fromkeys(one.versions.get(name, "unknown")[:10] for one in records))
        if len(found) > 1:
            told.append(f"Runs of different {what}: {', '.join(found)}.")
    return told


def _measured_with(record: RunRecord, name: str) -> Any:
    value = record.measured_with.get(name, getattr(record.config, name))
    return tuple(value) if isinstance(value, list) else value


def _few(groups: Sequence[Group]) -> list[str]:
    return [
        f"{group.name}: one network, so no interval and no test; what differs may be luck of the seed."
        for group in groups
        if len(group.members) == 1
    ]


def _without_value(groups: Sequence[Group], parts: Sequence[Sequence[RunRecord]]) -> list[str]:
    """Say which measures of a group are missing, in one line for each group; tau's are no loss where tau is fixed."""
    told = []
    for group, part in zip(groups, parts, strict=True):
        missing = [
            measure.label
            for measure in COMPARED
            if not np.isfinite(_values_of(measure, group)).any()
            and not (measure.of_tau and not part[0].config.kind.tau)
            and not (measure is MODULE_SLOPE and part[0].config.modules_per_side == 1)
        ]
        if missing:
            told.append(f"{group.name}: no value for {'; '.join(missing)}.")
    return told


def _values_of(measure: Measure, group: Group) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([measure.of(member.measures) for member in group.members], dtype=np.float64)


def _member(record: RunRecord, warnings: list[str]) -> Member:
    """Return what a run's network showed, and note what its folder does not hold."""
    side = (record.config.sheet_side,) * 2
    units, units_note = read_units(record)
    keys = ("decoding/seconds", "decoding/long_error_cm", "decoding/hold_still_cm")
    walks, walks_note = read_evaluation(record, keys)
    warnings += [f"{record.name}: {note}." for note in dict.fromkeys((*record.notes, units_note, walks_note)) if note]

    def sheet(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return units[name].reshape(side) if units.get(name, np.empty(0)).size == side[0] ** 2 else np.empty(0)

    return Member(
        label=f"seed {record.config.seed}",
        measures=record.measures,
        rows=record.rows,
        scores=units.get("score_60", np.empty(0)),
        spacing=sheet("spacing_m"),
        tau=1000 * record.config.dt * sheet("tau_steps"),  # a step is not as long in every group
        **{name.split("/")[1]: values for name, values in walks.items()},
    )


def _line(measure: Measure, groups: Sequence[Group], rng: np.random.Generator) -> Line:
    values = tuple(_values_of(measure, group) for group in groups)
    first, *others = values
    return Line(
        measure,
        values,
        tuple(map(mean_interval, values)),
        tuple(compare_groups(first, other, rng=rng) for other in others),
    )
