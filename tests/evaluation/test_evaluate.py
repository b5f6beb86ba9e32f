"""Held-out walks: where they start, how long they are, and what is told of them, with and without feedback."""

import dataclasses
import math
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch

from topogrid.analysis import grid_gate
from topogrid.analysis.maps import units as unit_measures
from topogrid.evaluation.decoding import follow
from topogrid.evaluation.evaluate import evaluate, glance
from topogrid.evaluation.held_out import FEWEST_ANCHORED_WALKS
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.saved import unit_rows
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import MOST_MOMENTS
from topogrid.streams import make_generators
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks, simulate_walks

CONFIG = TrainConfig(
    n_grid_cells=144, n_place_cells=48, tau=True, tau_min=2.4, tau_max=4.0, tau_init="gradient", drive=1.0, seed=3,
    wiring="attractor", modules_per_side=1, eval_walks=40, eval_bins=12, long_seconds=3.0, long_walks=12,
    error_seconds=(0.4, 1.0, 2.0, 10.0), device="cpu", precision="fp32",
)  # fmt: skip


class Subject(NamedTuple):
    """A network that has learned nothing: its walks and maps are as many as those of one that has."""

    network: PathIntegrator
    place_cells: PlaceCells


@pytest.fixture(autouse=True, scope="module")
def few_surrogates() -> Iterator[None]:
    """Judge grid cells against few surrogates: thousands of them take all the time of an evaluation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_measures, "grid_gate", partial(grid_gate, n_surrogates=4))
        yield


@pytest.fixture(scope="module")
def state() -> Subject:
    sources = make_generators(CONFIG.seed, "cpu", ("weights", "place_cells", "training"))
    network = PathIntegrator.from_config(CONFIG, generator=sources["weights"])
    with torch.no_grad():  # an untrained read-out is 0 and always says the same place
        for weight in (network.encoder, network.readout):
            weight.add_(torch.rand(weight.shape, generator=sources["training"]))
    return Subject(network, PlaceCells.from_config(CONFIG, sources["place_cells"]))


@pytest.fixture(scope="module")
def usual(state: Subject) -> Evaluation:
    return evaluate(Trained(state.network, state.place_cells, CONFIG, 0))


def test_a_glance_sees_the_maps_of_the_whole_evaluation(state: Subject, usual: Evaluation) -> None:
    seen = glance(Trained(state.network, state.place_cells, CONFIG, 0))
    np.testing.assert_array_equal(seen.rate_maps.maps, usual.settled.rate_maps.maps)
    np.testing.assert_array_equal(seen.scores.score_60, usual.settled.scores.score_60)
    np.testing.assert_array_equal(seen.lattice.spacing, usual.settled.lattice.spacing)
    np.testing.assert_array_equal(seen.tau, usual.tau)
    assert (seen.step, seen.burn_in) == (0, usual.burn_in)


@pytest.mark.parametrize(
    ("probe", "n_steps"),
    [
        (Probe(anchored=True), 500),
        (Probe(anchored=True, speed_factor=0.5), 1000),
        (Probe(anchored=True, speed_factor=2.0), 500),
        (Probe(anchored=True, dt_factor=2.0), 250),
        (Probe(anchored=True, box_factor=1.5), 1125),
    ],
    ids=str,
)
def test_anchored_walks_start_in_the_middle_and_cover_the_box(state: Subject, probe: Probe, n_steps: int) -> None:
    anchored = glance(Trained(state.network, state.place_cells, CONFIG, 0), probe=probe)
    assert anchored.rate_maps.occupancy.sum() == FEWEST_ANCHORED_WALKS * n_steps
    assert (anchored.rate_maps.occupancy > 0).mean() > 0.95


def test_anchored_walks_are_as_many_samples_as_the_usual_ones(state: Subject) -> None:
    many = dataclasses.replace(CONFIG, eval_walks=2001)
    samples = {
        anchored: glance(
            Trained(state.network, state.place_cells, many, 0), probe=Probe(anchored=anchored)
        ).rate_maps.occupancy.sum()
        for anchored in (False, True)
    }
    assert samples[False] == 2001 * CONFIG.seq_length
    assert samples[False] <= samples[True] < samples[False] + 500


def test_before_they_move_anchored_walks_are_in_one_bin(state: Subject) -> None:
    odd = dataclasses.replace(CONFIG, eval_bins=11, eval_burn_in=0)
    still = Probe(anchored=True, speed_factor=1e-9)
    short = dataclasses.replace(odd, dt=1.0, seq_length=1, long_seconds=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topogrid.evaluation.held_out.ANCHORED_SECONDS", 1e-9)
        maps = glance(Trained(state.network, state.place_cells, short, 0), probe=still).rate_maps
    assert (maps.occupancy > 0).sum() == 1
    assert maps.occupancy[5, 5] == FEWEST_ANCHORED_WALKS


def test_a_whole_evaluation_can_be_anchored(state: Subject, usual: Evaluation) -> None:
    anchored = evaluate(Trained(state.network, state.place_cells, CONFIG, 0), probe=Probe(anchored=True))
    both = (anchored.settled.rate_maps.occupancy, anchored.start.rate_maps.occupancy)
    assert both[0].sum() == both[1].sum() == FEWEST_ANCHORED_WALKS * 500
    assert np.isfinite(anchored.start.rate_maps.maps).mean() > 0.9
    # Long walks stay those that start anywhere.
    np.testing.assert_array_equal(anchored.decoding.long_error_cm, usual.decoding.long_error_cm)
    assert anchored.decoding.hold_still_short_cm == pytest.approx(usual.decoding.hold_still_short_cm, rel=0.3)
    assert anchored.decoding.middle_short_cm == pytest.approx(anchored.decoding.hold_still_short_cm, rel=0.01)


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


def walks(n_steps: int) -> Walks:
    return simulate_walks(
        5, n_steps, box_size=CONFIG.box_size, dt=CONFIG.dt, generator=torch.Generator().manual_seed(1)
    )


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


def test_the_table_of_units_tells_their_modules(usual: Evaluation) -> None:
    columns, rows = unit_rows(usual, CONFIG)
    assert columns[1:4] == ["row", "col", "module"]
    assert {row[3] for row in rows} == {0}
    four = dataclasses.replace(CONFIG, modules_per_side=2, n_grid_cells=4 * 144)
    assert four.sheet.n_modules == 4
    assert math.isqrt(four.n_grid_cells) == 24
