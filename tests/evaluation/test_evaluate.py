"""A network is measured whole or at a glance, anchored or not, and both see the same maps."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.attractor_networks import CONFIG, Subject, untrained_attractor, usual_evaluation
from tests.changed_networks import CONFIG as SMALL
from tests.changed_networks import usual_measures, usual_subject
from tests.quick_evaluations import few_surrogates
from topogrid.evaluation.evaluate import evaluate, glance, surrogates_of
from topogrid.evaluation.held_out import FEWEST_ANCHORED_WALKS
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.saved import unit_rows
from topogrid.model.units import TauRNN
from topogrid.settings.cost import burn_in_steps
from topogrid.trained.trained import Trained


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with few_surrogates():
        yield


@pytest.fixture(scope="module")
def state() -> Subject:
    return untrained_attractor()


@pytest.fixture(scope="module")
def usual() -> Evaluation:
    return usual_evaluation()


def test_a_glance_sees_the_maps_of_the_whole_evaluation(state: Subject, usual: Evaluation) -> None:
    seen = glance(Trained(state.network, state.place_cells, CONFIG, 0))
    np.testing.assert_array_equal(seen.rate_maps.maps, usual.settled.rate_maps.maps)
    np.testing.assert_array_equal(seen.scores.score_60, usual.settled.scores.score_60)
    np.testing.assert_array_equal(seen.lattice.spacing, usual.settled.lattice.spacing)
    np.testing.assert_array_equal(seen.tau, usual.tau)
    assert (seen.step, seen.burn_in) == (0, usual.burn_in)


def test_a_whole_evaluation_can_be_anchored(state: Subject, usual: Evaluation) -> None:
    anchored = evaluate(Trained(state.network, state.place_cells, CONFIG, 0), probe=Probe(anchored=True))
    both = (anchored.settled.rate_maps.occupancy, anchored.start.rate_maps.occupancy)
    assert both[0].sum() == both[1].sum() == FEWEST_ANCHORED_WALKS * 500
    assert np.isfinite(anchored.start.rate_maps.maps).mean() > 0.9
    # Long walks stay those that start anywhere.
    np.testing.assert_array_equal(anchored.decoding.long_error_cm, usual.decoding.long_error_cm)
    assert anchored.decoding.hold_still_short_cm == pytest.approx(usual.decoding.hold_still_short_cm, rel=0.3)
    assert anchored.decoding.middle_short_cm == pytest.approx(anchored.decoding.hold_still_short_cm, rel=0.01)


def test_the_table_of_units_tells_their_modules(usual: Evaluation) -> None:
    columns, rows = unit_rows(usual, CONFIG)
    assert columns[1:4] == ["row", "col", "module"]
    assert {row[3] for row in rows} == {0}
    four = dataclasses.replace(CONFIG, modules_per_side=2, n_grid_cells=4 * 144)
    assert four.sheet.n_modules == 4
    assert math.isqrt(four.n_grid_cells) == 24


def test_the_burn_in_is_that_of_the_slowest_unit_or_what_was_asked_for() -> None:
    subject, before = usual_subject(), usual_measures()
    assert before.burn_in == burn_in_steps(float(before.tau.max()))
    for given in (0, 5):
        config = dataclasses.replace(SMALL, eval_burn_in=given)
        measured = evaluate(Trained(subject.network, subject.place_cells, config, 7))
        assert measured.burn_in == given
        same = np.array_equal(measured.settled.rate_maps.maps, measured.start.rate_maps.maps, equal_nan=True)
        assert same == (given == 0)


def test_as_many_surrogates_are_drawn_as_were_asked_for() -> None:
    subject = usual_subject()
    config = dataclasses.replace(SMALL, eval_surrogates=2)
    measured = evaluate(Trained(subject.network, subject.place_cells, config, 7))
    assert [view.gate.n_surrogates for view in (measured.settled, measured.start)] == [2, 2]
    assert surrogates_of(SMALL) is None


def test_activity_is_never_held_for_longer_than_a_part_of_a_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, lengths = usual_subject(), []
    forward = TauRNN.forward

    def noted(self: TauRNN, moves: torch.Tensor, state: torch.Tensor, **others: Any) -> torch.Tensor:
        lengths.append(len(moves))
        return forward(self, moves, state, **others)

    monkeypatch.setattr(TauRNN, "forward", noted)
    config = dataclasses.replace(SMALL, eval_burn_in=300, long_seconds=4.0)
    evaluate(Trained(subject.network, subject.place_cells, config, 7))
    assert max(lengths) <= 100
