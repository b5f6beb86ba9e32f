"""Every tracked name is described, under the names of today and of earlier versions."""

import pytest

from topogrid.measures import MEASURES, METRICS, OLD_METRICS, current_metrics, has_panel, known, meaning


def test_old_names_lead_to_names_of_today() -> None:
    for old, new in OLD_METRICS.items():
        for prefix in ("validation/", "validation/lattices/", "validation/start/lattices/"):
            assert current_metrics({prefix + old: 1.0}) == {prefix + new: 1.0}
            assert prefix + new in METRICS


def test_errors_at_any_moment_are_described_like_those_at_the_usual_ones() -> None:
    assert meaning("validation/error_7.5s_cm") == "Mean decoding error 7.5 s into the long walks, cm."
    assert not has_panel("validation/error_7.5s_median_cm")
    assert has_panel("validation/error_7.5s_cm")
    assert meaning("validation/errors_7s") is None


def test_a_dashboard_begins_with_few_panels() -> None:
    assert sum(map(has_panel, MEASURES)) < 90
    assert not any(has_panel(key) for key in MEASURES if key.startswith("validation/start/"))


def test_a_name_that_is_not_described_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="is 'validation/share_dead' meant"):
        known("validation/share_deaf", METRICS)
