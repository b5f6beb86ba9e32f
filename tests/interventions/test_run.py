"""The baseline comes first, each change after it, and each silencing beside the same units left uncounted."""

import dataclasses

import numpy as np
import pytest

from tests.changed_networks import CONFIG
from topogrid.analysis.maps.units import measure_units
from topogrid.analysis.paired import compare
from topogrid.analysis.synthetic import lattice_map
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.summary import summarise
from topogrid.interventions.condition import Condition
from topogrid.interventions.run import BASELINE, CHOSEN, HIDDEN, hide, intervene
from topogrid.measures import METRICS

pytestmark = pytest.mark.usefixtures("quick")


def test_hidden_units_count_as_dead_and_the_others_keep_their_scores(before: Evaluation) -> None:
    hidden = hide(before, [2, 3], CONFIG)
    left = np.setdiff1d(np.arange(36), [2, 3])
    assert hidden.settled.dead[[2, 3]].all()
    np.testing.assert_array_equal(hidden.settled.scores.score_60[left], before.settled.scores.score_60[left])
    np.testing.assert_array_equal(hidden.settled.lattice.spacing[left], before.settled.lattice.spacing[left])
    assert not before.settled.dead[[2, 3]].all()


def test_spacing_is_compared_unit_by_unit_and_its_slope_on_tau_found(before: Evaluation) -> None:
    """Perfect lattices whose spacing is the root of tau, then a fifth larger."""
    spacing = np.linspace(0.5, 0.8, 36)

    def measured(factor: float) -> Evaluation:
        maps = np.stack([lattice_map(factor * s, 10, n_bins=20, threshold=-0.5) for s in spacing])
        full = dataclasses.replace(before.settled.rate_maps, maps=maps, occupancy=np.ones((20, 20), dtype=np.int64))
        view = measure_units(full, np.random.default_rng(0))
        return dataclasses.replace(before, settled=view, tau=(spacing / 0.5) ** 2)

    one, larger = measured(1.0), measured(1.2)
    paired = compare(one.settled, larger.settled)
    assert paired["kept_share"] == 1
    assert paired["n_spacing"] == 36
    assert paired["spacing_ratio"] == pytest.approx(1.2, rel=0.02)
    assert paired["lattices/kept_share"] == 1
    assert paired["lattices/spacing_ratio"] == pytest.approx(1.2, rel=0.02)
    assert compare(one.settled, one.settled)["map_correlation"] == pytest.approx(1)
    row = summarise(one, CONFIG)
    assert row["validation/scaling_slope"] == pytest.approx(0.5, abs=0.05)
    assert row["validation/tau_spacing_rho"] > 0.98
    left = row["validation/spacing_partial_morans_i"]
    assert np.isnan(left) or left < row["validation/spacing_morans_i"]  # NaN: tau explains spacing to the last digit
    assert row["validation/grid_cell_spacing_m"] == pytest.approx(0.65, rel=0.02)
    assert set(row) <= set(METRICS)


def test_outcomes_come_one_after_another_and_say_what_to_compare_with(subject: Condition, before: Evaluation) -> None:
    outcomes = {one.name: one for one in intervene(subject, ["tau_x2"], chosen=[3, 4])}
    assert list(outcomes) == [BASELINE, "tau_x2", CHOSEN, f"{CHOSEN}{HIDDEN}"]
    assert [one.compare_with for one in outcomes.values()] == ["", BASELINE, f"{CHOSEN}{HIDDEN}", BASELINE]
    assert [one.hidden for one in outcomes.values()] == [False, False, False, True]
    baseline = outcomes[BASELINE].measures
    assert baseline["paired/map_correlation"] == pytest.approx(1)
    assert baseline["validation/trajectory_error_cm"] == before.decoding.error_cm
    assert outcomes["tau_x2"].measures["validation/trajectory_error_cm"] != before.decoding.error_cm
    np.testing.assert_allclose(outcomes["tau_x2"].paired.log_tau_change, np.log(2), rtol=1e-5)
    # Hidden units are left out of the count; what the network does, and so its errors, stays.
    hidden = outcomes[f"{CHOSEN}{HIDDEN}"].measures
    assert hidden["validation/trajectory_error_cm"] == before.decoding.error_cm
    assert hidden["validation/share_dead"] == pytest.approx(baseline["validation/share_dead"] + 2 / 36)


def test_nothing_is_measured_before_it_is_asked_for(subject: Condition) -> None:
    outcomes = intervene(subject, ["no such thing"])
    assert next(outcomes).name == BASELINE
    with pytest.raises(ValueError, match="there is no intervention 'no such thing'"):
        next(outcomes)
