"""Every unit and module is kept beside itself, before and after."""

import dataclasses

import numpy as np

from tests.changed_networks import CONFIG
from topogrid.evaluation.results import Evaluation, Glance
from topogrid.interventions.paired import COUNTED, paired


def test_units_are_kept_side_by_side_before_and_after(before: Evaluation) -> None:
    larger = dataclasses.replace(before, tau=1.5 * before.tau)
    pair = paired(before, larger, CONFIG.sheet)
    np.testing.assert_allclose(pair.log_tau_change, np.log(1.5))
    counted = np.nan_to_num(before.settled.scores.score_60, nan=-9) > 0.3
    np.testing.assert_array_equal(pair.counted, counted)
    has_lattice = counted & np.isfinite(before.settled.lattice.spacing)
    np.testing.assert_array_equal(np.isfinite(pair.log_spacing_change), has_lattice)
    np.testing.assert_allclose(pair.log_spacing_change[has_lattice], 0)
    np.testing.assert_allclose(pair.module_tau_after, 1.5 * pair.module_tau_before)
    assert {values.shape for values in pair.arrays().values()} == {(36,), (1,)}


def test_a_unit_counts_that_scores_both_times_and_the_silent_never(before: Evaluation) -> None:
    scores = np.linspace(0.0, 1.0, 36)
    scores[-1] = np.nan
    first = with_scores(before, scores)
    pair = paired(first, with_scores(before, scores[::-1]), CONFIG.sheet)
    np.testing.assert_array_equal(pair.counted, (scores > COUNTED) & (scores[::-1] > COUNTED))
    assert not pair.counted[[0, -1]].any()
    assert np.isnan(pair.log_spacing_change[~pair.counted]).all()


def with_scores(before: Evaluation, scores: np.ndarray) -> Evaluation:
    view = before.settled
    return dataclasses.replace(before, settled=dataclasses.replace(view, scores=view.scores._replace(score_60=scores)))


def test_a_glance_will_do_for_an_evaluation(before: Evaluation) -> None:
    view = before.settled
    seen = Glance(before.step, before.tau, before.burn_in, view.rate_maps, view.scores, view.lattice)
    for name, values in paired(seen, before, CONFIG.sheet).arrays().items():
        np.testing.assert_array_equal(values, paired(before, before, CONFIG.sheet).arrays()[name])
