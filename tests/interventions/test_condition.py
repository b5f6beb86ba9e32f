"""A condition is what was trained and what was done to it; a changed copy leaves the original alone."""

import dataclasses

import numpy as np
import torch

from tests.changed_networks import CONFIG
from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.interventions.condition import Condition, rng_of
from topogrid.model.network import PathIntegrator


def test_it_shows_what_was_trained(subject: Condition) -> None:
    assert subject.network is subject.trained.network
    assert subject.place_cells is subject.trained.place_cells
    assert (subject.config, subject.step, subject.probe, subject.silenced) == (CONFIG, 7, AS_TRAINED, ())


def test_another_network_keeps_all_that_was_done_before(subject: Condition) -> None:
    other = PathIntegrator.from_config(CONFIG, generator=torch.Generator().manual_seed(5))
    done = dataclasses.replace(subject, probe=Probe(speed_factor=2.0), silenced=(3,), note="one silenced")
    changed = done.with_network(other)
    assert changed.network is other
    assert (changed.probe, changed.silenced, changed.note) == (done.probe, (3,), "one silenced")
    assert changed.place_cells is subject.place_cells
    again = done.with_network(other, silenced=(4,), note="another")
    assert (again.silenced, again.note) == ((4,), "another")
    assert done.network is subject.network


def test_a_purpose_has_one_random_source_of_its_own(subject: Condition) -> None:
    def draws(condition: Condition, purpose: int) -> list[float]:
        return rng_of(condition, purpose).random(3).tolist()

    assert draws(subject, 0) == draws(subject, 0) != draws(subject, 1)
    other = dataclasses.replace(subject, trained=subject.trained.with_settings({"seed": 8}))
    assert not np.isclose(draws(other, 0), draws(subject, 0)).any()
