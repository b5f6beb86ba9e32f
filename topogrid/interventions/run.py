"""Interventions done one after another, each measured and compared with what was before."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from topogrid.analysis.maps.units import UnitMeasures, measure_units
from topogrid.analysis.paired import compare
from topogrid.evaluation.evaluate import evaluate, surrogates_of
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import summarise
from topogrid.interventions.catalogue import named
from topogrid.interventions.condition import Condition
from topogrid.interventions.paired import Paired, paired
from topogrid.interventions.silencing import silence
from topogrid.interventions.table import do
from topogrid.interventions.tau import Weights
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator

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
    paired: Paired
    """Every unit and every module before and after."""

    @property
    def hidden(self) -> bool:
        """Whether this is the baseline with units hidden from the measurement."""
        return self.name.endswith(HIDDEN)


def intervene(
    condition: Condition, names: Sequence[str], *, chosen: Sequence[int] = (), weights: Weights | None = None
) -> Iterator[Outcome]:
    """Measure a trained network, then every changed copy of it, one after another.

    Parameters
    ----------
    condition : Condition
        The trained network.
    names : sequence of str
        Of interventions without `obstacles`.
    chosen : sequence of int
        Units to silence in an intervention of their own, after the others.
    weights : ndarray, ``(unit,)``, optional
        Where doses are given; see `do`.

    Yields
    ------
    Outcome
        First the baseline. After each silencing comes a row of the baseline with the same units left out of the
        *measurement*: what silencing did to the others is the difference to that row, not to the baseline.
    """
    before = _measure(condition)
    yield _outcome(BASELINE, "", "The trained network.", condition, before, before)
    for name in names:
        one = named(name)
        changed = do(one, condition, before, weights=weights)
        yield from _measured(one.name, one.about, condition, changed, before)
    if chosen:
        about = "The units that were chosen silenced."
        yield from _measured(CHOSEN, about, condition, silence(condition, chosen), before)


def _measured(name: str, about: str, condition: Condition, changed: Condition, before: Evaluation) -> Iterator[Outcome]:
    """Yield what a change did, and the control of a silencing."""
    hidden_name = f"{name}{HIDDEN}" if changed.silenced else BASELINE
    yield _outcome(name, hidden_name, about, changed, before, _measure(changed))
    if changed.silenced:
        hidden = hide(before, changed.silenced, condition.config)
        about = "The baseline with the same units hidden from the measurement, not silenced."
        yield _outcome(hidden_name, BASELINE, about, condition, before, hidden)


def _measure(condition: Condition) -> Evaluation:
    """Measure everything; modules, whose lattices may move, on walks from one place: `Probe.anchored`."""
    anchored = condition.config.wiring != "dense"
    return evaluate(condition.trained, probe=dataclasses.replace(condition.probe, anchored=anchored))


def _outcome(
    name: str, compare_with: str, about: str, condition: Condition, before: Evaluation, after: Evaluation
) -> Outcome:
    compared = {f"paired/{key}": value for key, value in compare(before.settled, after.settled).items()}
    measures = summarise(after, condition.config) | compared
    return Outcome(name, compare_with, about, condition.note, measures, paired(before, after, condition.config.sheet))


def hide(evaluation: Evaluation, units: Sequence[int], config: TrainConfig) -> Evaluation:
    """Measure an evaluation's rate maps again as if ``units`` had been dead."""
    rng = numpy_generator(config.seed, "surrogate maps")
    gone = np.asarray(units, dtype=np.intp)

    def without(view: UnitMeasures) -> UnitMeasures:
        maps = view.rate_maps.maps.copy()
        maps[gone] = np.where(np.isnan(maps[gone]), np.nan, 0.0)
        return measure_units(dataclasses.replace(view.rate_maps, maps=maps), rng, n_surrogates=surrogates_of(config))

    negative = evaluation.negative_share.copy()
    negative[gone] = 0
    return dataclasses.replace(
        evaluation, settled=without(evaluation.settled), start=without(evaluation.start), negative_share=negative
    )
