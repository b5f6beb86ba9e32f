"""Path integration is told beside the better guess over the same durations, and claimed where it is far better."""

import dataclasses
import math

import pytest

from tests.claimed import CONFIG, ROW, about
from topogrid.evaluation.claims import claims
from topogrid.evaluation.claims_of_errors import of_errors, of_unknown_places


def test_path_integration() -> None:
    yes = about("Path integration")
    assert "is consistent with path integration" in yes
    assert (
        "6.0 cm off over 20 steps (a decoder that never updates its position: 19.0 cm, always guessing the middle: "
        "88.0 cm), and 30.0 cm off after 10 s (a decoder that never updates its position: 92.0 cm, always guessing the "
        "middle: 87.0 cm)"
    ) in yes
    assert "a perfect place code gives 1.4 cm" in yes
    assert "feedback" not in yes
    assert "cannot be said" in about("Path integration", {"validation/error_10s_middle_cm": math.nan})
    assert "cannot be said" in about("Path integration", {"validation/hold_still_short_error_cm": math.nan})
    assert "cannot be said" in about("Path integration", knows_places=False)


def test_the_rows_of_older_versions_lack_guesses_over_the_same_duration() -> None:
    old = {name: value for name, value in ROW.items() if "0s_" not in name and "short" not in name}
    told = [one for one in claims(old, CONFIG) if one.startswith("Path integration: ")]
    assert len(told) == 1
    assert "cannot be said" in told[0]


@pytest.mark.parametrize(
    ("changes", "not_shown"),
    [
        ({"validation/trajectory_error_cm": 9.6}, "over 20 steps:"),  # sitting still is 19.0 cm
        ({"validation/error_10s_cm": 43.6}, "after 10 s:"),  # the middle is better than sitting still
        ({"validation/error_10s_middle_cm": 50.0}, "after 10 s:"),
        ({"validation/trajectory_error_cm": 18.0, "validation/error_10s_cm": 80.0}, "over 20 steps or after 10 s:"),
    ],
)
def test_path_integration_beats_the_better_guess_at_both_durations(changes: dict[str, float], not_shown: str) -> None:
    told = about("Path integration", changes)
    assert f"does not show path integration {not_shown}" in told
    assert "consistent" not in told


def test_feedback_is_told_beside_and_judged_apart() -> None:
    fed = dataclasses.replace(CONFIG, place_feedback=0.01)
    told = about("Path integration", {"validation/feedback_error_10s_cm": 9.0}, fed)
    assert "With feedback from the predicted place code (strength 0.01) it is 9.0 cm off after 10 s." in told
    lost = {"validation/feedback_error_10s_cm": 9.0, "validation/error_10s_cm": 80.0}
    told = about("Path integration", lost, fed)
    assert "does not show path integration after 10 s" in told
    assert told.endswith("With feedback it is consistent with path integration.")


def test_durations_are_those_of_the_settings() -> None:
    other = dataclasses.replace(CONFIG, seq_length=10, error_seconds=(2.0, 60.0), long_seconds=60.0, long_walks=30)
    changes = {"validation/error_2s_hold_still_cm": 46.0, "validation/error_2s_middle_cm": 85.0}
    told = about("Path integration", changes, other)
    assert "over 10 steps" in told
    assert "12.0 cm off after 2 s" in told
    assert "on 30 long walks" in told
    assert "Later it is off by 70.0 cm after 60 s." in told


def test_how_far_an_error_falls_short_is_said_for_each_duration() -> None:
    def told(short: float, long: float) -> str:
        return of_errors(ROW | {"validation/trajectory_error_cm": short, "validation/error_10s_cm": long}, CONFIG)

    assert told(19.0, 87.0).endswith("the network is no better than the better guess.")
    assert told(18.9, 86.9).endswith("the network is better than the better guess, but not twice as good.")
    assert told(30.0, 50.0).endswith(
        "no better than the better guess over 20 steps, and less than twice as good after 10 s."
    )
    assert told(10.0, 90.0).endswith(
        "no better than the better guess after 10 s, and less than twice as good over 20 steps."
    )


def test_half_the_error_of_the_better_guess_is_not_below_it() -> None:
    assert "does not show" in of_errors(ROW | {"validation/trajectory_error_cm": 9.5}, CONFIG)
    assert "does not show" not in of_errors(ROW | {"validation/trajectory_error_cm": 9.49}, CONFIG)


def test_nothing_is_claimed_of_places_that_are_not_known() -> None:
    assert of_unknown_places().startswith("Path integration: cannot be said")
    assert "cannot be said" in of_errors({}, CONFIG)
