"""A network measured and summed up: what training, ``analyze`` and the study keep, in one shape.

``summary.json`` holds the figures by their tracked names and, under ``analysis``, how they were taken and what they let
a person say; `described` is the one place that makes the latter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from topogrid.evaluation.claims import claims
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import Summary, sum_up
from topogrid.settings.config import TrainConfig
from topogrid.settings.fields import LEFT_OUT_SETTINGS, MEASUREMENT_SETTINGS
from topogrid.trained.trained import Trained


class Measured(NamedTuple):
    """What was measured."""

    evaluation: Evaluation
    """At the first number of bins."""
    summary: Summary
    """Of the same."""
    rows: dict[int, dict[str, float]]
    """By number of bins, the first one first: all measures by their tracked names."""
    claims: list[str]
    """What can and cannot be claimed, from the first number of bins."""

    @property
    def row(self) -> dict[str, float]:
        """All measures at the first number of bins, by their tracked names."""
        return self.summary.row


def measure(
    trained: Trained, bins: Sequence[int] = (), progress: Callable[[str], None] = lambda stage: None
) -> Measured:
    """Measure on the same held-out walks at every number of bins.

    Parameters
    ----------
    trained : Trained
    bins : sequence of int
        Bins along the longer side of a rate map; those of the settings if left out.
    progress : callable
        Told the name of each stage as it begins; a stage comes once for every number of bins.

    Raises
    ------
    SettingsError
        If a number of bins is out of range.
    ValueError
        If activity is not finite.
    """
    # All are checked before the first is measured.
    conditions = [trained.with_settings({"eval_bins": count}) for count in bins or (trained.config.eval_bins,)]

    def measured(condition: Trained) -> tuple[Evaluation, Summary]:
        evaluation = evaluate(condition, progress=progress)
        return evaluation, sum_up(evaluation, condition.config)

    main, *others = conditions
    evaluation, summary = measured(main)
    rows = {main.config.eval_bins: summary.row} | {one.config.eval_bins: measured(one)[1].row for one in others}
    said = claims(summary.row, trained.config, knows_places=trained.knows_places, knows_training=trained.knows_training)
    return Measured(evaluation, summary, rows, said)


def described(trained: Trained, measured: Measured) -> dict[str, Any]:
    """Return how figures were taken and what they mean: what ``summary.json`` has under ``analysis``."""
    config = measured_config(trained, measured)
    return {
        "of": trained.origin,
        "step": measured.evaluation.step,
        "burn_in": measured.evaluation.burn_in,
        "settings": {name: getattr(config, name) for name in ("eval_bins", *MEASUREMENT_SETTINGS, *LEFT_OUT_SETTINGS)},
        "by_bins": {str(count): row for count, row in measured.rows.items()},
        "notes": list(trained.notes),
        "claims": measured.claims,
    }


def measured_config(trained: Trained, measured: Measured) -> TrainConfig:
    """Return the settings of a network with the number of bins that its files and figures have."""
    return dataclasses.replace(trained.config, eval_bins=next(iter(measured.rows)))
