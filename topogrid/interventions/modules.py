"""The headline: tau or speed changed in a trained network with modules, the scale of every module measured again.

If tau sets the scale of a module, the ratio of its spacings is the ratio of its mean taus; if the network integrates
movement, spacing does not change with speed. Maps are *anchored*: all walks start at one place, because the encoder
still knows the lattice of the old tau, and walks from everywhere would blur the new one.

Shapes: module ``(module,)``, unit ``(unit,)``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid import figures
from topogrid.analysis.sheets import ModuleScales, compare_modules, compare_units, module_scales
from topogrid.evaluation.evaluate import glance
from topogrid.evaluation.gallery import network_of
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation, Glance
from topogrid.interventions.catalogue import named
from topogrid.interventions.condition import Condition
from topogrid.interventions.paired import COUNTED, Paired, paired
from topogrid.interventions.table import do
from topogrid.interventions.table import obstacle as obstacle_to
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_markdown

Float = NDArray[np.float64]

BASELINE = "baseline"
ON_TAU = ("tau_x0.8", "tau_x1.25", "tau_flat", "tau_permuted", "tau_permuted_modules", "tau_reversed")
ON_SPEED = ("speed_x0.5", "speed_x2")
HEADLINE = (*ON_TAU, *ON_SPEED)


class ModuleOutcome(NamedTuple):
    """One change, module by module."""

    name: str
    about: str
    note: str
    scales: ModuleScales
    """After the change."""
    predicted: Float
    """``(module,)``, spacing before times the ratio of mean taus, metres."""
    before: Float
    """``(module,)``, metres."""
    deviation: Float
    """``(module,)``, measured over predicted spacing minus 1."""
    unit_deviation: tuple[float, float, float]
    """Median and quartiles of the same over units."""
    n_units: int
    """Units that it is over."""
    share_above: float
    """Of all units, those with a grid score above 0.8."""
    paired: Paired
    """Every unit and every module before and after."""

    @property
    def spacing(self) -> Float:
        """``(unit,)``, after the change, metres."""
        return self.paired.spacing_after

    @property
    def median_deviation(self) -> float:
        """Median over modules of the deviation, NaN without one."""
        return _over_finite(np.median, self.deviation)

    @property
    def largest_deviation(self) -> float:
        """Largest magnitude over modules of the deviation, NaN without one."""
        return _over_finite(np.max, np.abs(self.deviation))


def _over_finite(statistic: Any, values: Float) -> float:
    there = values[np.isfinite(values)]
    return float(statistic(there)) if there.size else math.nan


def obstacle(condition: Condition) -> str:
    """Why there is no headline for a network; empty if there is one."""
    if condition.config.modules_per_side == 1:
        return "it has no modules"
    return "it has no time constants" if condition.network.units.log_tau is None else ""


def measure_headline(condition: Condition, names: Sequence[str] = HEADLINE) -> Iterator[ModuleOutcome]:
    """Measure a trained network, then every changed copy of it.

    Parameters
    ----------
    condition : Condition
        A network with modules and time constants.
    names : sequence of str
        Some of `HEADLINE`.

    Yields
    ------
    ModuleOutcome
        First the baseline.

    Raises
    ------
    ValueError
        If the network has no modules or no time constants.
    """
    reason = obstacle(condition)
    if reason:
        raise ValueError(f"modules cannot be compared before and after: {reason}")
    yield from measure_changes(condition, names)


def measure_changes(condition: Condition, names: Sequence[str]) -> Iterator[ModuleOutcome]:
    """Do as `measure_headline` does with any interventions, and with any network: one module may be the whole sheet.

    What cannot be done to the network is left out.
    """
    before = _seen(condition, Probe(anchored=True))
    yield _outcome(BASELINE, "The trained network.", "", condition, before, before)
    for name in names:
        intervention = named(name)
        if obstacle_to(intervention, condition):
            continue
        changed = do(intervention, condition, cast(Evaluation, before))  # none of these looks at it
        after = _seen(changed, dataclasses.replace(changed.probe, anchored=True))
        # In steps of training: a step of another duration changes no time constant.
        after = dataclasses.replace(after, tau=after.tau * changed.probe.dt_factor)
        yield _outcome(name, intervention.about, changed.note, condition, before, after)


def _seen(condition: Condition, probe: Probe) -> Glance:
    return glance(condition.trained, probe=probe)


def _counted(seen: Glance) -> NDArray[np.bool_]:
    return np.nan_to_num(seen.scores.score_60, nan=-np.inf) > COUNTED


def _outcome(name: str, about: str, note: str, condition: Condition, before: Glance, after: Glance) -> ModuleOutcome:
    module_of = condition.config.sheet.module_of
    counted = _counted(before), _counted(after)
    scales = [
        module_scales(seen.lattice.spacing, seen.tau, module_of, counts)
        for seen, counts in zip((before, after), counted, strict=True)
    ]
    change = compare_modules(*scales)
    was, now = scales
    units = compare_units(
        before.lattice.spacing, after.lattice.spacing, was.tau[module_of], now.tau[module_of], counted[0], counted[1]
    )
    return ModuleOutcome(
        name,
        about,
        note,
        scales[1],
        scales[0].spacing * change.predicted,
        scales[0].spacing,
        change.deviation,
        (units.median, units.low, units.high),
        units.n,
        float(np.mean(np.nan_to_num(after.scores.score_60, nan=-np.inf) > 0.8)),
        paired(before, after, condition.config.sheet),
    )


# --- What a person gets ----------------------------------------------------------------------------------------------


def headline_table(outcomes: Sequence[ModuleOutcome]) -> tuple[list[str], list[list[str]]]:
    """Return a row a change: how far spacing is from the prediction, and what is left of grid cells."""
    columns = [
        "intervention", "spacing m", "predicted m", "off, modules %", "at most %", "off, units %", "units",
        "spread of log spacing", "slope", "GS > 0.8 %",
    ]  # fmt: skip
    return columns, [
        [
            one.name,
            _range(one.scales.spacing),
            _range(one.predicted),
            *(_told(100 * value, "+.1f") for value in (one.median_deviation,)),
            _told(100 * one.largest_deviation, ".1f"),
            _told(100 * one.unit_deviation[0], "+.1f"),
            str(one.n_units),
            _told(one.scales.between, ".3f"),
            _told(one.scales.slope, ".2f"),
            _told(100 * one.share_above, ".1f"),
        ]
        for one in outcomes
    ]


def module_table(outcomes: Sequence[ModuleOutcome]) -> tuple[list[str], list[list[str]]]:
    """Return a row a module and change: tau, predicted and measured spacing."""
    columns = ["intervention", "module", "tau steps", "before m", "predicted m", "measured m", "off %", "units"]
    return columns, [
        [
            one.name,
            str(module),
            _told(one.scales.tau[module], ".3f"),
            _told(one.before[module], ".3f"),
            _told(one.predicted[module], ".3f"),
            _told(one.scales.spacing[module], ".3f"),
            _told(100 * one.deviation[module], "+.1f"),
            str(int(one.scales.n[module])),
        ]
        for one in outcomes
        for module in range(len(one.before))
    ]


def _told(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"


def _range(spacing: Float) -> str:
    there = spacing[np.isfinite(spacing)]
    return f"{there.min():.2f} to {there.max():.2f}" if there.size else "-"


KEY = (
    "Spacing: smallest and largest median of a module, on walks that all start at one place. Predicted: spacing before "
    "times the ratio of the module's mean tau; for speed, spacing before. Off: measured over predicted minus 1, median "
    "over modules; at most: largest of them; the same over units with a grid score above 0.3 both times. Spread of log "
    "spacing: standard deviation over modules. Slope: of log spacing on log tau over modules. -: no value."
)


def headline_page(title: str, outcomes: Sequence[ModuleOutcome]) -> str:
    """Return a Markdown page of all that was measured."""
    notes = "\n".join(f"* `{one.name}`: {one.about} {one.note}".rstrip() for one in outcomes)
    tables = [to_markdown(*table(outcomes)).rstrip() for table in (headline_table, module_table)]
    return "\n\n".join([f"# {title}", tables[0], KEY, notes, "## Module by module", tables[1]]) + "\n"


def headline_record(outcomes: Sequence[ModuleOutcome]) -> list[dict[str, Any]]:
    """Return outcomes as plain values for JSON, which knows no NaN: ``None`` stands for it."""
    return [
        {
            "name": one.name,
            "about": one.about,
            "note": one.note,
            "tau_steps": _finite(one.scales.tau),
            "before_m": _finite(one.before),
            "predicted_m": _finite(one.predicted),
            "measured_m": _finite(one.scales.spacing),
            "spread": _finite(one.scales.spread),
            "deviation": _finite(one.deviation),
            "median_deviation": _finite([one.median_deviation])[0],
            "largest_deviation": _finite([one.largest_deviation])[0],
            "unit_deviation": _finite(one.unit_deviation),
            "n_units": one.n_units,
            "between": _finite([one.scales.between])[0],
            "slope": _finite([one.scales.slope])[0],
            "score_above_0.8": one.share_above,
        }
        for one in outcomes
    ]


def _finite(values: Float | Sequence[float]) -> list[float | None]:
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]


def draw_headline(outcomes: Sequence[ModuleOutcome], config: TrainConfig) -> Figure:
    """Draw predicted against measured spacing, a panel a change, with the sheet before and after."""
    baseline = next((one for one in outcomes if one.name == BASELINE), None)
    panels = [
        figures.ModulePanel(
            one.name, one.predicted, one.scales.spacing, one.scales.spacing * one.scales.spread, one.before, one.spacing
        )
        for one in outcomes
        if one is not baseline
    ]
    return figures.predicted_and_measured(
        panels,
        before_map=None if baseline is None else baseline.spacing,
        modules=config.modules_per_side,
        network=network_of(config),
    )
