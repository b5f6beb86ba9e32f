"""Interventions done one after another, each measured and compared with what was before."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.maps.units import UnitMeasures, measure_units
from topogrid.analysis.paired import compare
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import summarise
from topogrid.interventions.condition import Condition
from topogrid.interventions.silencing import silence_chosen
from topogrid.interventions.table import INTERVENTIONS
from topogrid.settings.config import TrainConfig

Units = NDArray[np.intp]


BASELINE = "baseline"


HIDDEN = ":hidden"  # ending of the row that a silencing is compared with


CHOSEN = "silence_chosen"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One row of the table: what was done and everything that was measured then."""

    name: str
    compare_with: str
    """Name of the row that differs from this one by the intervention alone; empty for the baseline."""
    about: str
    note: str
    measures: dict[str, float]
    """By tracked name, and `compare` with ``paired/`` before its names."""

    @property
    def hidden(self) -> bool:
        """Whether this is the baseline with units hidden from the measurement."""
        return self.name.endswith(HIDDEN)


def intervene(condition: Condition, names: Sequence[str], *, chosen: Sequence[int] = ()) -> Iterator[Outcome]:
    """Measure a trained network, then every changed copy of it, one after another.

    Parameters
    ----------
    condition : Condition
        The trained network.
    names : sequence of str
        Keys of `INTERVENTIONS` without `obstacles`.
    chosen : sequence of int
        Units to silence in an intervention of their own, after the others.

    Yields
    ------
    Outcome
        First the baseline. After each silencing comes a row of the baseline with the same units left out of the
        *measurement*: what silencing did to the others is the difference to that row, not to the baseline.
    """
    before = _measure(condition)
    yield _outcome(BASELINE, "", "The trained network.", condition, before, before)
    planned = {name: INTERVENTIONS[name] for name in names} | ({CHOSEN: silence_chosen(chosen)} if chosen else {})
    for name, intervention in planned.items():
        changed = intervention.change(condition, before)
        hidden_name = f"{name}{HIDDEN}" if changed.silenced else BASELINE
        yield _outcome(name, hidden_name, intervention.about, changed, before, _measure(changed))
        if changed.silenced:
            hidden = hide(before, changed.silenced, condition.config)
            about = "The baseline with the same units hidden from the measurement, not silenced."
            yield _outcome(hidden_name, BASELINE, about, condition, before, hidden)


def _measure(condition: Condition) -> Evaluation:
    return evaluate(condition.trained, probe=condition.probe)


def _outcome(
    name: str, compare_with: str, about: str, condition: Condition, before: Evaluation, after: Evaluation
) -> Outcome:
    paired = {f"paired/{key}": value for key, value in compare(before.settled, after.settled).items()}
    return Outcome(name, compare_with, about, condition.note, summarise(after, condition.config) | paired)


def hide(evaluation: Evaluation, units: Sequence[int], config: TrainConfig) -> Evaluation:
    """Measure an evaluation's rate maps again as if ``units`` had been dead."""
    rng = np.random.default_rng([config.seed, 20])
    gone = np.asarray(units, dtype=np.intp)

    def without(view: UnitMeasures) -> UnitMeasures:
        maps = view.rate_maps.maps.copy()
        maps[gone] = np.where(np.isnan(maps[gone]), np.nan, 0.0)
        return measure_units(dataclasses.replace(view.rate_maps, maps=maps), rng)

    negative = evaluation.negative_share.copy()
    negative[gone] = 0
    return dataclasses.replace(
        evaluation, settled=without(evaluation.settled), start=without(evaluation.start), negative_share=negative
    )
