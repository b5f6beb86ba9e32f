"""Maps that are summed up part by part are those of all samples at once, and errors count in the trained box alone."""

import math

import numpy as np
import pytest
import torch

from tests.attractor_networks import CONFIG, Subject, untrained_attractor, usual_evaluation
from topogrid.analysis import RateMapAccumulator
from topogrid.evaluation.maps import MeanError, accumulator_of, below_zero, count_rates, error_inside, stream_rate_maps
from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.streams import make_generators


@pytest.fixture(scope="module")
def state() -> Subject:
    return untrained_attractor()


def test_a_mean_does_not_depend_on_the_parts_it_comes_in() -> None:
    errors = torch.rand(40, generator=torch.Generator().manual_seed(0))
    errors[3] = math.nan
    whole, parts = MeanError(), MeanError()
    whole.add(errors)
    for part in errors.split([1, 1, 1, 1, 36]):
        parts.add(part)
    assert whole.mean == pytest.approx(parts.mean)
    assert whole.mean == pytest.approx(float(np.nanmean(errors.numpy())))
    assert whole.cm == pytest.approx(100 * whole.mean)
    assert math.isnan(MeanError().mean)
    assert math.isnan(MeanError().cm)


def test_rates_are_counted_as_the_accumulator_counts_them() -> None:
    generator = torch.Generator().manual_seed(0)
    place = 2 * torch.rand((300, 2), generator=generator) - 1
    activity = torch.rand((300, 4), generator=generator)
    here, there = RateMapAccumulator(4, 2.0, 5), RateMapAccumulator(4, 2.0, 5)
    for part in (slice(0, 100), slice(100, 100), slice(100, 300)):
        count_rates(here, place[part], activity[part])
    there.add(place.double().numpy(), activity.numpy())
    np.testing.assert_allclose(here.rate_maps().maps, there.rate_maps().maps, rtol=1e-5)
    np.testing.assert_array_equal(here.rate_maps().occupancy, there.rate_maps().occupancy)


def test_bins_keep_their_size_in_a_larger_box() -> None:
    usual, larger = (accumulator_of(CONFIG, probe).rate_maps() for probe in (AS_TRAINED, Probe(box_factor=1.5)))
    assert larger.box_size == pytest.approx((3.3, 3.3))
    np.testing.assert_allclose(np.diff(larger.edges_x), np.diff(usual.edges_x)[0])


def test_nobody_outside_the_trained_box_is_right_or_wrong(state: Subject) -> None:
    place = torch.tensor([[0.0, 0.0], [1.1, -1.1], [1.2, 0.0], [0.0, -1.2]])
    found = error_inside(state.place_cells, place + torch.tensor([0.03, 0.04]), place)
    assert found.isnan().tolist() == [False, False, True, True]
    torch.testing.assert_close(found[:2], torch.full((2,), 0.05))


def test_streamed_maps_are_those_of_the_evaluation(state: Subject) -> None:
    usual = usual_evaluation()
    generator = make_generators(CONFIG.seed, "cpu", ("held_out_walks",))["held_out_walks"]
    with torch.no_grad():
        found = stream_rate_maps(state.trained(), AS_TRAINED, generator, usual.burn_in)
    np.testing.assert_array_equal(found.settled.maps, usual.settled.rate_maps.maps)
    np.testing.assert_array_equal(found.start.maps, usual.start.rate_maps.maps)
    assert found.settled.occupancy.sum() == CONFIG.eval_walks * CONFIG.seq_length
    assert ((found.negative_share >= 0) & (found.negative_share <= 1)).all()
    assert found.ce_loss > 0


def test_in_a_larger_box_there_is_no_cross_entropy(state: Subject) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = stream_rate_maps(state.trained(), Probe(box_factor=1.5), generator, 3)
    assert math.isnan(found.ce_loss)
    assert math.isfinite(found.error_cm)


@pytest.mark.parametrize("lowest", [-0.7, 0.0])
def test_states_below_zero_are_counted_one_by_one(lowest: float) -> None:
    activity = lowest + torch.rand(50, 7, generator=torch.Generator().manual_seed(1))
    activity[:, 3] = 0.0
    expected = [sum(float(value) < 0 for value in column) for column in activity.T]
    assert below_zero(activity).tolist() == expected
    assert below_zero(activity[:0]).tolist() == [0.0] * 7
