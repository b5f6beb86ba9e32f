"""What the front page says of published runs is worked out as it claims, on records with known answers."""

import math
from typing import Any

import pytest

from benchmarks.science.front_page import best_guesses, hardware, held_after, share_of_prediction, walk_lengths
from benchmarks.science.records import Record

BEFORE = [0.5, 0.7, 1.1]


def record(summary: dict[str, Any] | None = None, outcomes: list[dict[str, Any]] | None = None, **told: Any) -> Record:
    settings = {"threads": told.get("threads", 1)}
    versions = {"cpu_capability": "AVX2", "precision": told.get("precision", "fp32")}
    return Record("made", summary or {}, settings, versions, outcomes or [], {})


def outcome(ratios: list[float], power: float) -> dict[str, Any]:
    """Return an intervention after which spacing changes by a power of what is predicted."""
    return {
        "name": "change",
        "before_m": BEFORE,
        "predicted_m": [spacing * ratio for spacing, ratio in zip(BEFORE, ratios, strict=True)],
        "measured_m": [spacing * ratio**power for spacing, ratio in zip(BEFORE, ratios, strict=True)],
    }


@pytest.mark.parametrize("power", [0.0, 0.6, 1.0, -1.0])
@pytest.mark.parametrize("ratios", [[1.25, 1.25, 1.25], [2.0, 1.0, 0.5]])
def test_the_share_of_a_predicted_change_is_recovered(power: float, ratios: list[float]) -> None:
    made = record(outcomes=[outcome(ratios, power)])
    assert share_of_prediction(made, "change") == pytest.approx(power)


def test_a_module_without_a_spacing_afterwards_is_left_out() -> None:
    lost = outcome([1.25, 1.25, 1.25], 0.5)
    lost["measured_m"][1] = None
    assert share_of_prediction(record(outcomes=[lost]), "change") == pytest.approx(0.5)


def test_what_was_not_changed_has_no_share() -> None:
    assert math.isnan(share_of_prediction(record(outcomes=[outcome([1.25] * 3, 1.0)]), "another change"))
    assert math.isnan(share_of_prediction(record(outcomes=[outcome([1.0] * 3, 1.0)]), "change"))


def test_the_better_guess_stands_beside_an_error() -> None:
    summary = {f"validation/error_{moment}s_hold_still_cm": 10.0 * i for i, moment in enumerate((0.4, 2, 10, 60), 1)}
    summary |= {f"validation/error_{moment}s_middle_cm": 25.0 for moment in (0.4, 2, 10, 60)}
    assert best_guesses(record(summary)) == "10 / 20 / 25 / 25"
    assert best_guesses(record({"validation/hold_still_error_cm": 106.0})) == "106 along 10 s"


@pytest.mark.parametrize(
    ("threads", "precision", "told"), [(1, "fp32", "1 core, AVX2"), (2, "bf16", "2 cores, AVX2, bf16")]
)
def test_minutes_stand_beside_their_hardware(threads: int, precision: str, told: str) -> None:
    assert hardware(record(threads=threads, precision=precision)) == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [({}, "never"), ({"movement_free_steps": 3000}, "3,000"), ({"movement_free_steps": 9600}, "never")],
)
def test_it_is_told_from_when_on_movement_weights_were_held(settings: dict[str, int], told: str) -> None:
    made = record()._replace(config={"steps": 10_000, "readout_steps": 400, **settings})
    assert held_after(made) == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [({}, "20"), ({"late_steps": 0, "late_length": 60}, "20"), ({"late_steps": 9, "late_length": 60}, "20, then 60")],
)
def test_it_is_told_how_long_walks_were(settings: dict[str, int], told: str) -> None:
    assert walk_lengths(record()._replace(config={"seq_length": 20, **settings})) == told
