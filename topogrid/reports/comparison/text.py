"""A comparison in words and tables: sentences, Markdown, CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence

from topogrid.analysis.networks.inference import Difference, MeanInterval
from topogrid.measures.maps import ABOVE_03, ABOVE_08
from topogrid.measures.shown import COMPARED_IN_WORDS, SLOPES
from topogrid.reports.comparison.comparison import Comparison, Line
from topogrid.reports.records import RunRecord
from topogrid.tables import code, markdown, to_csv, to_markdown


def findings(comparison: Comparison) -> list[str]:
    """Say in sentences what the networks have in common and in what the groups differ."""
    lines = {line.measure: line for line in comparison.lines}
    told = [
        _over_null(group.name, lines[share], lines[share.null], lines[share.over_null], which)
        for share in (ABOVE_03, ABOVE_08)
        if share.null is not None
        for which, group in enumerate(comparison.groups)
    ]
    for measure in COMPARED_IN_WORDS:
        told += [
            _difference(measure.title, lines[measure], comparison.groups[0].name, group.name, which)
            for which, group in enumerate(comparison.groups[1:])
        ]
    for slope in SLOPES:
        told += [_slope(group.name, lines[slope], which) for which, group in enumerate(comparison.groups)]
    return [sentence[0].upper() + sentence[1:] for sentence in told if sentence]


def _over_null(name: str, share: Line, null: Line, excess: Line, which: int) -> str:
    mean, noise, over = (line.intervals[which] for line in (share, null, excess))
    if not over.n:
        return ""
    told = f"{name}: {mean.mean:.1f} % of units have {share.measure.label}, noise {noise.mean:.1f} %"
    if math.isnan(over.low):
        return f"{told} ({_networks(over.n)}, no interval)."
    verdict = (
        "more than noise" if over.low > 0 else "fewer than noise" if over.high < 0 else "not told apart from noise"
    )
    return (
        f"{told}; {over.mean:+.1f} points (95 % t interval {over.low:+.1f} to {over.high:+.1f}, {_networks(over.n)}): "
        f"{verdict}."
    )


def _difference(label: str, line: Line, first: str, second: str, which: int) -> str:
    one, a, b = line.differences[which], line.intervals[0], line.intervals[which + 1]
    if math.isnan(one.value):
        return ""
    digits = line.measure.digits
    told = f"{label}: {second} {b.mean:.{digits}f}, {first} {a.mean:.{digits}f}, difference {one.value:+.{digits}f}"
    if math.isnan(one.welch_p):
        alone = min(one.n_first, one.n_second) == 1
        why = "a single network allows no test" if alone else "the networks of a group agree exactly: no test"
        return f"{told} ({one.n_second} and {_networks(one.n_first)}; {why})."
    verdict = "no difference is shown" if one.low <= 0 <= one.high else "consistent with a difference"
    return (
        f"{told} (95 % {one.low:+.{digits}f} to {one.high:+.{digits}f}; Welch p {p_text(one.welch_p)}, permutation p "
        f"{p_text(one.permutation_p)}, at least {p_text(one.smallest_p)} with {one.n_second} and {one.n_first} "
        f"networks): {verdict}."
    )


def _slope(name: str, line: Line, which: int) -> str:
    slope = line.intervals[which]
    if not slope.n or math.isnan(slope.low):
        return ""
    verdict = "does not support that tau sets spacing" if slope.low <= 0 <= slope.high else (
        "is consistent with slower units having wider grids" if slope.low > 0
        else "is not what tau setting spacing would give"
    )  # fmt: skip
    return (
        f"{name}: beta {slope.mean:+.3f} (95 % t interval {slope.low:+.3f} to {slope.high:+.3f}, {_networks(slope.n)}, "
        f"all lattices, most of which noise would have as well) {verdict}."
    )


def p_text(p: float) -> str:
    """Return a p-value as people write it."""
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.2g}"


def _networks(count: int) -> str:
    return f"{count} network" + ("" if count == 1 else "s")


KEY = (
    "Mean over networks, in brackets its 95 % interval by Student's t; none for a single network, nor where all agree "
    "exactly. GS: 60-degree grid score, shares of all units; null: maps of noise with the unit's own spatial period. "
    "Lattices: all units with six autocorrelogram peaks, beyond the null or not. Differences: Welch's t test, and an "
    "exact permutation test over networks, whose smallest possible p-value is told. Groups are taken as independent. "
    "No p-value is corrected for the number of lines: of twenty lines without any difference, one is expected below "
    "0.05."
)
"""What the numbers of the tables are."""


def means_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the mean of every measure in every group as text: column names and rows."""
    columns = ["measure", *(f"{group.name} (n = {len(group.members)})" for group in comparison.groups)]
    sizes = [len(group.members) for group in comparison.groups]
    return columns, [
        [
            line.measure.title,
            *(_mean_text(one, line.measure.digits, n) for one, n in zip(line.intervals, sizes, strict=True)),
        ]
        for line in comparison.lines
    ]


def _mean_text(interval: MeanInterval, digits: int, n_networks: int) -> str:
    if not interval.n:
        return "-"
    told = f"{interval.mean:.{digits}f}"
    if not math.isnan(interval.low):
        told += f" ({interval.low:.{digits}f} to {interval.high:.{digits}f})"
    return told if interval.n == n_networks else f"{told}, n {interval.n}"


def differences_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return every group's difference from the first as text: column names and rows, one a measure and group."""
    first = comparison.groups[0].name
    columns = ["measure", f"difference from {first}", "95 % (Welch)", "Welch p", "permutation p (smallest)", "n"]
    rows = []
    for line in comparison.lines:
        for group, one in zip(comparison.groups[1:], line.differences, strict=True):
            if not math.isnan(one.value):
                name = line.measure.title if len(comparison.groups) == 2 else f"{line.measure.title}, {group.name}"
                rows.append([name, *_difference_texts(one, line.measure.digits)])
    return columns, rows


def _difference_texts(one: Difference, digits: int) -> list[str]:
    interval = "-" if math.isnan(one.low) else f"{one.low:+.{digits}f} to {one.high:+.{digits}f}"
    permutation = "-" if one.smallest_p >= 1 else f"{p_text(one.permutation_p)} ({p_text(one.smallest_p)})"
    return [f"{one.value:+.{digits}f}", interval, p_text(one.welch_p), permutation, f"{one.n_second}, {one.n_first}"]


def runs_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return what was compared: column names and a row a run."""
    columns = ["group", "run", "seed", "steps", "measured at", "commit", "command"]
    return columns, [
        [group.name, *_run_texts(record)]
        for group, records in zip(comparison.groups, comparison.records, strict=True)
        for record in records
    ]


def _run_texts(record: RunRecord) -> list[str]:
    measured = "-" if record.measured_step is None else str(record.measured_step)
    commit = record.versions.get("commit", "unknown")
    shown = commit[:10] + ("+changes" if commit.endswith("+changes") else "")
    steps = f"{record.steps_done}/{record.config.steps}"
    return [record.name, str(record.config.seed), steps, measured, shown, record.versions.get("command", "unknown")]


def as_csv(comparison: Comparison) -> str:
    """Return everything as one tidy table: a row for each network, mean and difference of each measure."""
    columns = ["measure", "kind", "group", "from_group", "network", "n", "value", "low", "high", "welch_p"]
    columns += ["permutation_p", "smallest_p"]
    nothing, first = math.nan, comparison.groups[0].name
    rows: list[list[float | int | str]] = []
    for line in comparison.lines:
        label = line.measure.title
        for which, group in enumerate(comparison.groups):
            runs, mean = comparison.records[which], line.intervals[which]
            rows += [
                [label, "network", group.name, "", run.name, 1, float(value), *[nothing] * 5]
                for run, value in zip(runs, line.values[which], strict=True)
            ]
            rows.append([label, "mean", group.name, "", "", mean.n, mean.mean, mean.low, mean.high, *[nothing] * 3])
        for group, one in zip(comparison.groups[1:], line.differences, strict=True):
            n = one.n_first + one.n_second
            numbers = [one.value, one.low, one.high, one.welch_p, one.permutation_p, one.smallest_p]
            rows.append([label, "difference", group.name, first, "", n, *numbers])
    return to_csv(columns, rows)


def title(comparison: Comparison) -> str:
    """Say what is compared."""
    names = [group.name for group in comparison.groups]
    return " against ".join(names[::-1]) if len(names) < 3 else f"{len(names)} groups: {'; '.join(names)}"


def as_markdown(comparison: Comparison, picture: str, command: str) -> str:
    """Return the comparison as a Markdown page that shows the file ``picture``."""
    name = markdown(title(comparison))
    parts = [f"# Comparison: {name}"]
    parts += [f"Made with {code(command)}.", _bullets(findings(comparison)), f"![{name}]({picture})"]
    if comparison.warnings:
        parts += ["## What to keep in mind", _bullets(comparison.warnings)]
    parts += ["## Means over networks", to_markdown(*means_table(comparison)), KEY]
    if len(comparison.groups) > 1:
        parts += ["## Differences", to_markdown(*differences_table(comparison))]
    parts += ["## Runs", to_markdown(*runs_table(comparison))]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"* {markdown(sentence)}" for sentence in sentences)
