"""All strengths of feedback are tried on the same walks, each as it would be alone."""

import dataclasses

import numpy as np
import pytest

from tests.attractor_networks import CONFIG, Subject, untrained_attractor
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.feedback_sweep import sweep_feedback
from topogrid.evaluation.probe import AS_TRAINED
from topogrid.trained.trained import Trained

SECONDS = (0.1, 0.3)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return untrained_attractor()


def network(subject: Subject, **settings: object) -> Trained:
    config = dataclasses.replace(CONFIG, long_seconds=SECONDS[-1], long_walks=6, error_seconds=SECONDS, **settings)
    return Trained(subject.network, subject.place_cells, config, 0)


@pytest.mark.parametrize("code", ["predicted", "decoded"])
def test_every_strength_gives_what_an_evaluation_with_it_gives(subject: Subject, code: str) -> None:
    trained = network(subject, place_feedback=0.05, place_feedback_code=code, eval_walks=5)
    swept = sweep_feedback(trained, code, (0.0, 0.05), SECONDS, n_walks=6)
    usual = evaluate(trained).decoding
    at = [int(np.argmin(np.abs(usual.seconds - moment))) for moment in SECONDS]
    np.testing.assert_allclose(swept.mean_cm[0], usual.long_error_cm[at], rtol=1e-4)
    np.testing.assert_allclose(swept.mean_cm[1], usual.feedback_error_cm[at], rtol=1e-4)
    np.testing.assert_allclose(swept.median_cm[1], usual.feedback_median_cm[at], rtol=1e-4)


def test_animals_may_walk_faster(subject: Subject) -> None:
    trained = network(subject, eval_walks=5)
    swept = sweep_feedback(trained, "predicted", (0.0,), SECONDS, n_walks=6, speed_factor=2.0)
    usual = evaluate(trained, probe=dataclasses.replace(AS_TRAINED, speed_factor=2.0)).decoding
    assert swept.mean_cm[0, -1] == pytest.approx(usual.long_error_cm[-1], rel=1e-4)


@pytest.mark.parametrize("strengths", [(), (-0.1,), (1.5,), (float("nan"),)])
def test_strengths_out_of_range_are_refused(subject: Subject, strengths: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="strengths must be"):
        sweep_feedback(network(subject), "predicted", strengths, SECONDS)


@pytest.mark.parametrize("seconds", [(), (0.0,), (0.2, 0.1), (0.1, 0.1)])
def test_moments_that_do_not_rise_are_refused(subject: Subject, seconds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="moments must rise"):
        sweep_feedback(network(subject), "predicted", (0.1,), seconds)
