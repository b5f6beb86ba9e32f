"""Which units carry the way: errors after the same number of units are silenced by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from topogrid.evaluation.feedback_sweep import sweep_feedback
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.catalogue import named
from topogrid.interventions.condition import Condition
from topogrid.interventions.table import do, obstacle
from topogrid.study.arms import ARMS
from topogrid.study.values import plain_all
from topogrid.trained.trained import Trained

Record = Mapping[str, Any]

SILENCED = ("silence_best", "silence_banded", "silence_slow", "silence_fast", "silence_random")
"""A fifth of the living units each."""

SECONDS = (2.0, 10.0)
N_WALKS = 60

_NOTHING = "nothing"


def errors_after_silencing(trained: Trained, evaluation: Evaluation) -> dict[str, list[float | None]]:
    """Return the mean errors, cm, at `SECONDS` of the network as it is and after each of `SILENCED`.

    What cannot be told apart, such as slow units where tau is equal, is left out. The walks are the same.
    """
    condition = Condition(trained)
    changed = {_NOTHING: trained}
    for name in SILENCED:
        if not obstacle(named(name), condition):
            changed[name] = do(name, condition, evaluation).trained
    return {name: _errors(one) for name, one in changed.items()}


def _errors(trained: Trained) -> list[float | None]:
    swept = sweep_feedback(trained, "predicted", (0.0,), SECONDS, n_walks=N_WALKS)
    return plain_all(swept.mean_cm[0])


def silencing_table(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return errors at the last moment, cm, means over networks: a row an arm, a column what was silenced."""
    last = f"{SECONDS[-1]:g} s"
    columns = ["arm", f"{last}, {_NOTHING} silenced", *(name.replace("silence_", "") for name in SILENCED)]
    body = []
    for arm in ARMS:
        own = [record["silenced"] for record in records if record["arm"] == arm]
        if own:
            body.append([arm, *(_told([one.get(name) for one in own]) for name in (_NOTHING, *SILENCED))])
    return columns, body


def _told(errors: Sequence[Sequence[float | None] | None]) -> str:
    there = [one[-1] for one in errors if one is not None and one[-1] is not None]
    return f"{sum(there) / len(there):.1f}" if there else "-"
