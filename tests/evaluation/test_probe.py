"""Walks that differ from training's in a way that means something, and durations that stay the same."""

import pytest

from topogrid.evaluation.probe import AS_TRAINED, Probe


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed_factor": 0.0},
        {"box_factor": 0.5},
        {"dt_factor": 0.4},
        {"dt_factor": -1.0},
        {"dt_factor": 1.5},
        {"dt_factor": float("nan")},
        {"speed_factor": float("nan")},
    ],
)
def test_a_probe_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="factor must be"):
        Probe(**wrong)


@pytest.mark.parametrize("factor", [0.1, 0.2, 1 / 3, 0.5, 1.0, 2.0, 7.0])
def test_as_many_steps_last_as_long(factor: float) -> None:
    probe = Probe(dt_factor=factor)
    for count in (1, 20, 21, 500):
        assert probe.steps(count) * factor == pytest.approx(count, abs=factor / 2 + 1e-9) or probe.steps(count) == 1
        assert probe.steps(count) >= 1


def test_the_default_is_as_in_training() -> None:
    assert Probe() == AS_TRAINED
    assert AS_TRAINED.steps(37) == 37
    assert not AS_TRAINED.anchored
