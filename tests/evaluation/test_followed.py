"""What following came to is told beside what nobody needs a network for, over the steps that there are."""

import json

import numpy as np
import pytest

from topogrid.evaluation.followed import Followed, draw_followed, told
from topogrid.settings.config import TrainConfig

CONFIG = TrainConfig(n_grid_cells=16, n_place_cells=32, tau=True)


def followed(*, fed: bool = False) -> Followed:
    """Return three pieces of five steps, the last of which ends after two; errors are 1, 2, ... centimetres."""
    error = np.arange(1.0, 16.0).reshape(3, 5)
    error[2, 2:] = np.nan
    true = np.full((3, 5, 2), 0.1)
    true[2, 2:] = np.nan
    decoded = true + 0.01 * error[..., None] * (1, 0)
    looped = (decoded, error / 2) if fed else (None, None)
    return Followed(0.02 * np.arange(1, 6), true, decoded, error, 3 * error, 0 * error + 50, *looped)


def test_errors_are_over_the_steps_that_there_are() -> None:
    found = followed().summary()
    there = np.array([*range(1, 13)])
    assert found["mean_error_cm"] == there.mean()
    assert found["median_error_cm"] == np.median(there)
    assert found["mean_error_at_end_cm"] == 7.5, "of the two whole pieces"
    assert found["hold_still_mean_error_cm"] == 3 * there.mean()
    assert found["middle_median_error_at_end_cm"] == 50
    assert not [name for name in found if name.startswith("feedback")]
    assert followed(fed=True).summary()["feedback_mean_error_cm"] == there.mean() / 2


def test_curves_are_over_pieces_at_each_time() -> None:
    errors = followed(fed=True).errors()
    np.testing.assert_allclose(errors.mean, [6, 7, 5.5, 6.5, 7.5])
    np.testing.assert_allclose(np.asarray(errors.band)[:, 0], [3.5, 8.5])
    assert errors.feedback_mean is not None
    np.testing.assert_allclose(2 * np.asarray(errors.feedback_mean), errors.mean)
    assert followed().errors().feedback_median is None


def test_lines_say_who_was_how_far_off() -> None:
    lines = told(followed(fed=True), "walk.csv", 0.24)
    assert lines[0] == "Followed walk.csv for 0 s, told the place every 0.1 s."
    assert [line.split(":")[0].strip() for line in lines[2:]] == [
        "network", "network, with feedback", "sitting still", "always guessing the middle"
    ]  # fmt: skip
    assert "6.5 (6.5) over the 0.1 s, 7.5 (7.5) at the end" in lines[2]
    assert len(told(followed(), "walk.csv", 0.24)) == 5


def test_a_record_is_json_whatever_is_missing() -> None:
    one = followed()
    record = one._replace(error_cm=np.where(np.arange(5) == 4, np.nan, one.error_cm))
    with pytest.warns(RuntimeWarning, match="empty slice|All-NaN"):
        kept = json.loads(json.dumps(record.record(), allow_nan=False))
    assert kept["mean_error_at_end_cm"] is None
    assert (kept["pieces"], kept["piece_seconds"]) == (3, 0.1)


def test_the_picture_is_of_pieces_or_of_the_whole() -> None:
    title = draw_followed(followed(), CONFIG, "rat").get_suptitle()
    assert "3 pieces of 0.1 s" in title
    assert "mean error 6.5 cm (sitting still 19.5, guessing the middle 50.0)" in title
    whole = Followed(*(part[:1] if part is not None and part.ndim > 1 else part for part in followed()))
    assert "given only its start" in draw_followed(whole, CONFIG, "rat").get_suptitle()
