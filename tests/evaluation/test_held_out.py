"""Held-out walks: where they start, how long they are, and the same whatever is looked at how often."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.attractor_networks import CONFIG, Subject, untrained_attractor, walks
from tests.quick_evaluations import few_surrogates
from topogrid.evaluation import held_out
from topogrid.evaluation.evaluate import glance
from topogrid.evaluation.held_out import (
    FEWEST_ANCHORED_WALKS,
    burn_in_of,
    held_out_activity,
    how_much,
    in_parts,
    tau_of,
    walk_in_parts,
    walked_box,
)
from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.model.network import PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import burn_in_steps
from topogrid.trained.trained import Trained


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with few_surrogates():
        yield


@pytest.fixture(scope="module")
def state() -> Subject:
    return untrained_attractor()


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


@pytest.mark.parametrize(("eval_walks", "anchored", "share"), [(2001, False, 0.5), (4, False, 0.5), (4, True, 0.5)])
def test_a_share_of_the_walks_is_never_more_than_all(
    state: Subject, eval_walks: int, anchored: bool, share: float
) -> None:
    config = dataclasses.replace(CONFIG, eval_walks=eval_walks)
    trained, probe = Trained(state.network, state.place_cells, config, 0), Probe(anchored=anchored)
    part, whole = (glance(trained, probe=probe, share=one).rate_maps.occupancy.sum() for one in (share, 1.0))
    few = how_much(config, probe).n_walks <= FEWEST_ANCHORED_WALKS
    assert part / whole == pytest.approx(1.0 if few else share, rel=0.001)


def test_before_they_move_anchored_walks_are_in_one_bin(state: Subject) -> None:
    odd = dataclasses.replace(CONFIG, eval_bins=11, eval_burn_in=0)
    still = Probe(anchored=True, speed_factor=1e-9)
    short = dataclasses.replace(odd, dt=1.0, seq_length=1, long_seconds=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topogrid.evaluation.held_out.ANCHORED_SECONDS", 1e-9)
        maps = glance(Trained(state.network, state.place_cells, short, 0), probe=still).rate_maps
    assert (maps.occupancy > 0).sum() == 1
    assert maps.occupancy[5, 5] == FEWEST_ANCHORED_WALKS


def test_the_burn_in_is_asked_for_or_that_of_the_slowest_unit_in_steps_of_the_probe() -> None:
    tau = np.array([1.0, 4.0])
    assert burn_in_of(tau, CONFIG, AS_TRAINED) == burn_in_steps(4.0)
    given = dataclasses.replace(CONFIG, eval_burn_in=12)
    assert [burn_in_of(tau, given, Probe(dt_factor=factor)) for factor in (0.5, 1.0, 2.0)] == [24, 12, 6]


def test_a_plain_network_has_a_tau_of_one_step() -> None:
    plain = TrainConfig(n_grid_cells=16, wiring="dense")
    network = PathIntegrator.from_config(plain, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(tau_of(network), np.ones(16))


def test_a_larger_box_takes_as_many_more_samples() -> None:
    usual, larger = (how_much(CONFIG, probe) for probe in (AS_TRAINED, Probe(box_factor=2.0)))
    assert larger.settled == 4 * usual.settled == 4 * CONFIG.seq_length
    assert larger.start == usual.start
    assert walked_box(CONFIG, Probe(box_factor=1.5)) == pytest.approx((3.3, 3.3))


def test_the_same_animals_walk_however_often_they_are_looked_at() -> None:
    def positions(factor: float, n_steps: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(4)
        return walk_in_parts(CONFIG, Probe(dt_factor=factor), 3, n_steps, generator, CONFIG.box_size).position

    usual = positions(1.0, 12)
    torch.testing.assert_close(positions(0.5, 24)[1::2], usual)
    torch.testing.assert_close(positions(2.0, 6), usual[1::2])


@pytest.mark.parametrize("steps_at_once", [1, 7, 30, 99])
def test_parts_of_any_length_are_the_whole(state: Subject, steps_at_once: int) -> None:
    walk = walks(30)
    parts = list(in_parts(state.network, state.place_cells, walk, steps_at_once))
    assert [first for first, _activity in parts] == list(range(0, 30, steps_at_once))
    whole = state.network.walk(walk.displacement, state.network.start_state(state.place_cells.encode(walk.start)))
    torch.testing.assert_close(torch.cat([activity for _first, activity in parts]), whole.activity)


def test_parts_are_shorter_where_they_would_take_much_memory(state: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = walks(11)
    whole = torch.cat([part for _, part in in_parts(state.network, state.place_cells, walk, 11)])
    of_a_step = whole[0].numel() * whole.element_size()
    for kept_bytes, longest in ((4 * of_a_step + 1, 4), (1, 1)):
        monkeypatch.setattr(held_out, "_KEPT_BYTES", kept_bytes)
        parts = list(in_parts(state.network, state.place_cells, walk, 11))
        assert max(len(part) for _, part in parts) == longest
        assert [first for first, _ in parts] == list(range(0, 11, longest))
        torch.testing.assert_close(torch.cat([part for _, part in parts]), whole)


def test_every_counted_step_comes_with_its_place(state: Subject) -> None:
    generator = torch.Generator().manual_seed(0)
    seen = 0
    for _first, activity, position, _displacement, start in held_out_activity(
        state.trained(), AS_TRAINED, generator, 5
    ):
        assert activity.shape[:2] == position.shape[:2]
        assert (position.abs() <= 1.1 + 1e-6).all()
        assert len(start) == position.shape[1]
        seen += position.shape[0] * position.shape[1]
    assert seen == CONFIG.eval_walks * (5 + CONFIG.seq_length)
