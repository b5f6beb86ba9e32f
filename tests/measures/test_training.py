"""Whatever a training step reports is described once, and the loss where its terms are."""

import itertools

import pytest

from tests.training.small_states import state_of
from topogrid.measures import METRICS
from topogrid.measures.training import CROSS_ENTROPY, LOSS, MACHINE, TIME_CONSTANTS, TRAINING
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import SUMS, TERMS, TOTAL
from topogrid.training.step import train

OF_THE_LOSS = {TOTAL, *SUMS, *(term.name for term in TERMS)}


@pytest.mark.parametrize("wiring", ["dense", "learned"])
def test_every_number_of_a_step_is_described_in_one_place(wiring: str) -> None:
    config = TrainConfig(preset="smoke", tau=True, wiring=wiring, warmup_steps=0)
    (record,) = itertools.islice(train(state_of(config), config), 1)
    described = {one.key for one in (*TRAINING, *TIME_CONSTANTS)}
    assert record.metrics
    assert set(record.metrics) <= described | OF_THE_LOSS
    assert described & OF_THE_LOSS == set()


def test_the_loss_is_described_where_it_is_computed() -> None:
    assert {LOSS.key, CROSS_ENTROPY.key} <= OF_THE_LOSS
    assert not {LOSS.key, CROSS_ENTROPY.key} & set(METRICS)
    assert LOSS.about == CROSS_ENTROPY.about == ""


def test_numbers_are_grouped_by_what_they_are_of() -> None:
    for prefix, group in (("train/", TRAINING), ("tau/", TIME_CONSTANTS), ("perf/", MACHINE)):
        assert all(one.key.startswith(prefix) for one in group)
        assert all(METRICS[one.key] == one.about for one in group)
