"""Places are decoded along long walks beside what no network would know, at all moments or at those asked for."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.attractor_networks import CONFIG, Subject, untrained_attractor, usual_evaluation, walks
from tests.quick_evaluations import few_surrogates
from topogrid.evaluation.decoding import feedback_of, follow, moments_of
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.results import Evaluation
from topogrid.model.network import Feedback
from topogrid.settings.cost import MOST_MOMENTS
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


def test_baselines_are_those_of_the_same_walks(usual: Evaluation) -> None:
    told = usual.decoding
    assert 10 < told.hold_still_short_cm < 30
    assert told.hold_still_short_cm == pytest.approx(told.hold_still_cm[: CONFIG.seq_length].mean(), rel=0.3)
    assert told.middle_short_cm == pytest.approx(told.middle_cm.mean(), rel=0.3)
    assert told.middle_cm.mean() == pytest.approx(88, rel=0.2)
    assert told.hold_still_cm[0] < 5
    assert told.hold_still_cm[-1] > told.hold_still_cm[10]
    low, high = told.long_quartiles_cm
    assert ((low <= told.long_median_cm) & (told.long_median_cm <= high)).all()


def test_without_feedback_there_is_no_error_with_it(usual: Evaluation) -> None:
    assert np.isnan(usual.decoding.feedback_error_cm).all()
    assert usual.decoding.feedback_median_cm.shape == usual.decoding.seconds.shape


def test_feedback_leaves_the_rest_as_it_is(state: Subject, usual: Evaluation) -> None:
    config = dataclasses.replace(CONFIG, place_feedback=0.05)
    told = evaluate(Trained(state.network, state.place_cells, config, 0)).decoding
    np.testing.assert_array_equal(told.long_error_cm, usual.decoding.long_error_cm)
    assert np.isfinite(told.feedback_error_cm).all()
    # It is first due at the first step, and then every fourth one.
    assert (told.feedback_error_cm != told.long_error_cm).mean() > 0.8


def test_the_code_of_the_decoded_place_can_be_fed_back(state: Subject) -> None:
    config = dataclasses.replace(CONFIG, place_feedback=0.05, place_feedback_code="decoded")
    assert feedback_of(CONFIG, state.place_cells) is None
    feedback = feedback_of(config, state.place_cells)
    assert feedback is not None
    logits = torch.randn(5, CONFIG.n_place_cells, generator=torch.Generator().manual_seed(0))
    fed = feedback.code(logits)
    torch.testing.assert_close(fed, state.place_cells.encode(state.place_cells.decode(logits)))
    # However unsure the prediction was, what is fed back is as sharp as any code of a place, and of the same place.
    torch.testing.assert_close(feedback.code(0.01 * logits), fed)
    as_predicted = feedback_of(dataclasses.replace(config, place_feedback_code="predicted"), state.place_cells)
    assert as_predicted is not None
    assert as_predicted.code(0.01 * logits).max() < fed.max()
    walk = walks(30)
    ends = [follow(state.network, state.place_cells, walk, feedback=one) for one in (None, as_predicted, feedback)]
    assert not torch.equal(ends[0], ends[2])
    assert not torch.equal(ends[1], ends[2])


def test_walks_may_differ_in_how_strong_their_feedback_is(state: Subject) -> None:
    walk = walks(30)
    strengths = torch.linspace(0, 0.2, walk.start.shape[0])[:, None]
    told = follow(state.network, state.place_cells, walk, feedback=Feedback(strengths, 4, state.place_cells.softmax))
    for number in (0, -1):
        alone = Feedback(float(strengths[number]), 4, state.place_cells.softmax)
        whole = follow(state.network, state.place_cells, walk, feedback=alone)
        torch.testing.assert_close(told[:, number], whole[:, number])


def test_following_in_parts_or_at_chosen_steps_changes_nothing(state: Subject) -> None:
    walk = walks(30)
    feedback = Feedback(0.1, 4, state.place_cells.softmax)
    for closed in (None, feedback):
        whole = follow(state.network, state.place_cells, walk, feedback=closed)
        parts = follow(state.network, state.place_cells, walk, feedback=closed, steps_at_once=7)
        torch.testing.assert_close(parts, whole)
        at = np.array([0, 3, 12, 29])
        chosen = follow(state.network, state.place_cells, walk, feedback=closed, at=at, steps_at_once=7)
        torch.testing.assert_close(chosen, whole[at])


def test_very_long_walks_are_told_at_few_moments_and_those_that_are_asked_for(state: Subject) -> None:
    moments = (0.4, 2.0, 7.77, 13.0)
    config = dataclasses.replace(CONFIG, long_seconds=14.0, long_walks=3, eval_walks=5, error_seconds=moments)
    told = evaluate(Trained(state.network, state.place_cells, config, 0)).decoding
    assert len(told.seconds) <= MOST_MOMENTS
    for moment in (*moments[:2], 7.76, moments[3], 14.0):
        assert np.abs(told.seconds - moment).min() < 1e-9
    assert told.true_paths.shape == (3, len(told.seconds), 2)
    assert told.middle_cm.shape == told.long_median_cm.shape == told.seconds.shape
    assert (np.diff(told.seconds) > 0).all()


@pytest.mark.parametrize("n_steps", [1, 2, MOST_MOMENTS, MOST_MOMENTS + 1, 3 * MOST_MOMENTS + 7, 10**6])
def test_moments_rise_to_the_last_step_and_hold_those_that_are_wanted(n_steps: int) -> None:
    wanted = [1, n_steps // 3 + 1, n_steps + 5]
    found = moments_of(n_steps, wanted)
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0
    assert found[-1] == n_steps - 1
    assert len(found) <= max(MOST_MOMENTS, 1)
    assert {step - 1 for step in wanted if step <= n_steps} <= set(found.tolist())
    assert len(found) == n_steps or np.diff(found).max() <= -(-n_steps // (MOST_MOMENTS - 10))


def test_every_step_of_every_walk_is_told_of(state: Subject) -> None:
    told: list[int] = []
    follow(state.network, state.place_cells, walks(30), steps_at_once=8, done=told.append)
    assert told == [40, 40, 40, 30]
