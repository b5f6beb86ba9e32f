"""Silencing is matched in number, and errors stand beside those of the whole network."""

import pytest

from tests.attractor_networks import CONFIG, untrained_attractor, usual_evaluation
from tests.study.made_records import record
from topogrid.interventions.condition import Condition
from topogrid.interventions.table import do
from topogrid.study import silencing
from topogrid.study.silencing import SILENCED, errors_after_silencing, silencing_table
from topogrid.trained.trained import Trained


def test_every_way_of_choosing_silences_as_many() -> None:
    subject, evaluation = untrained_attractor(), usual_evaluation()
    condition = Condition(Trained(subject.network, subject.place_cells, CONFIG, 0))
    chosen = {name: do(name, condition, evaluation).silenced for name in SILENCED}
    assert len({len(units) for units in chosen.values()}) == 1
    assert len(set(chosen.values())) == len(SILENCED)


def test_errors_are_those_of_changed_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silencing, "SECONDS", (0.1, 0.2))
    monkeypatch.setattr(silencing, "N_WALKS", 3)
    subject = untrained_attractor()
    found = errors_after_silencing(Trained(subject.network, subject.place_cells, CONFIG, 0), usual_evaluation())
    assert set(found) == {"nothing", *SILENCED}
    assert found["nothing"] != found["silence_random"]


def test_the_table_has_means_over_networks() -> None:
    columns, body = silencing_table([record("learned", seed) for seed in range(2)])
    assert columns == ["arm", "10 s, nothing silenced", "best", "banded", "slow", "fast", "random"]
    assert body == [["learned", "7.5", "20.5", "-", "-", "-", "-"]]
