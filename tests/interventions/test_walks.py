"""Animals walk otherwise and the network stays as it is, or its equation goes in other steps."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.changed_networks import CONFIG, differing, subject_of
from topogrid.evaluation.evaluate import evaluate
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.walks import other_animals, probe_walks, scale_dt
from topogrid.trained.trained import Trained
from topogrid.world.walks import simulate_walks, split_steps

pytestmark = pytest.mark.usefixtures("quick")


def test_a_smaller_step_integrates_the_same_equation(before: Evaluation) -> None:
    config = dataclasses.replace(CONFIG, tau_min=30.0, tau_max=60.0)
    slow = subject_of(config)
    finer = scale_dt(slow, before, factor=0.5)
    walks = simulate_walks(20, 40, box_size=(2.2, 2.2), dt=0.02, generator=torch.Generator().manual_seed(2))
    twice = split_steps(walks, 2, box_size=(2.2, 2.2))
    code = slow.place_cells.encode(walks.start)
    with torch.no_grad():
        coarse = slow.network(code, walks.displacement).activity
        fine = finer.network(code, twice.displacement).activity[1::2]
        wrong = slow.network(code, twice.displacement).activity[1::2]
    size = (coarse - coarse[0]).norm()
    assert (fine - coarse).norm() < 0.05 * size
    assert (wrong - coarse).norm() > 0.3 * size


def test_a_larger_box_has_bins_of_the_same_size_and_errors_of_the_trained_one_only(
    subject: Condition, before: Evaluation
) -> None:
    larger = evaluate(Trained(subject.network, subject.place_cells, CONFIG, 7), probe=Probe(box_factor=2.0))
    maps, trained = larger.settled.rate_maps, before.settled.rate_maps
    assert maps.box_size == (4.4, 4.4)
    np.testing.assert_allclose(np.diff(maps.edges_x), np.diff(trained.edges_x)[0])
    assert maps.occupancy.sum() == 4 * trained.occupancy.sum()
    first_steps = larger.start.rate_maps.occupancy  # walks start in the trained box and have gone some centimetres
    assert first_steps[4:-4, 4:-4].sum() == first_steps.sum()
    assert np.isfinite(larger.decoding.error_cm)
    # Nobody in the trained box can be further off than its diagonal.
    assert np.nanmax(larger.decoding.hold_still_cm) < 100 * math.hypot(2.2, 2.2)


def test_a_faster_animal_gets_further(subject: Condition, before: Evaluation) -> None:
    faster = evaluate(Trained(subject.network, subject.place_cells, CONFIG, 7), probe=Probe(speed_factor=2.0))
    assert faster.decoding.hold_still_cm[5] == pytest.approx(2 * before.decoding.hold_still_cm[5], rel=0.2)


def test_another_step_lasts_as_long(subject: Condition, before: Evaluation) -> None:
    for factor in (0.5, 2.0):
        changed = scale_dt(subject, before, factor=factor)
        measured = evaluate(Trained(changed.network, subject.place_cells, CONFIG, 7), probe=changed.probe)
        assert measured.decoding.seconds[-1] == pytest.approx(before.decoding.seconds[-1])
        # The same animals: where they are does not depend on how often one looks.
        assert measured.decoding.hold_still_cm[-1] == pytest.approx(before.decoding.hold_still_cm[-1], rel=1e-5)


def test_other_animals_walk_elsewhere_in_the_same_network(subject: Condition, before: Evaluation) -> None:
    changed = other_animals(subject, before)
    assert changed.network is subject.network
    assert changed.config.seed != subject.config.seed
    assert other_animals(changed, before).config == subject.config
    assert differing(changed.network, subject.network) == set()


def test_only_the_walks_are_changed_by_a_probe(subject: Condition, before: Evaluation) -> None:
    faster = probe_walks(subject, before, probe=Probe(speed_factor=2.0))
    assert dataclasses.replace(faster, probe=subject.probe) == subject
    assert faster.probe.speed_factor == 2
