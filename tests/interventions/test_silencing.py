"""Silenced units stay silent, the others do as if those were not there, and the living alone are chosen."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.changed_networks import of_modules, tau_of
from topogrid.analysis.maps.units import measure_units
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.silencing import silence, silence_random
from topogrid.interventions.table import do
from topogrid.model.network import PathIntegrator
from topogrid.model.units import TauRNN
from topogrid.world.walks import simulate_walks

pytestmark = pytest.mark.usefixtures("quick")


def test_silenced_units_stay_silent_and_the_others_do_as_if_they_were_not_there(subject: Condition) -> None:
    gone = [0, 7, 8, 35]
    left = np.setdiff1d(np.arange(36), gone)
    whole = subject.network
    part = PathIntegrator(32, TauRNN(len(left), tau=tau_of(subject)[left], tau_bounds=(1.0, 10.0)))
    with torch.no_grad():
        part.encoder.copy_(whole.encoder[left])
        part.units.w_in.copy_(whole.units.w_in[left])
        part.units.wiring.weight.copy_(whole.units.wiring.weight[left][:, left])
        part.readout.copy_(whole.readout[:, left])
    generator = torch.Generator().manual_seed(1)
    walks = simulate_walks(5, 30, box_size=(2.2, 2.2), dt=0.02, generator=generator)
    code = subject.place_cells.encode(walks.start)
    silenced, smaller = silence(subject, gone).network(code, walks.displacement), part(code, walks.displacement)
    assert not silenced.activity[..., gone].any()
    torch.testing.assert_close(silenced.activity[..., left], smaller.activity)
    torch.testing.assert_close(silenced.logits, smaller.logits)


def test_the_units_that_are_silenced_are_the_living_ones_that_were_asked_for(
    subject: Condition, before: Evaluation
) -> None:
    maps = before.settled.rate_maps.maps.copy()
    dead = np.argsort(before.tau)[-3:]  # the slowest units are dead: they cannot be silenced
    maps[dead] *= 0
    view = measure_units(dataclasses.replace(before.settled.rate_maps, maps=maps), np.random.default_rng(0))
    measured = dataclasses.replace(before, settled=view)
    alive = np.flatnonzero(~view.dead)
    n_wanted = round(len(alive) / 5)
    silenced = {
        name: np.array(do(f"silence_{name}", subject, measured).silenced) for name in ("slow", "fast", "best", "random")
    }
    by_tau = alive[np.argsort(measured.tau[alive], kind="stable")]
    by_score = alive[np.argsort(np.nan_to_num(view.scores.score_60[alive], nan=-9), kind="stable")]
    assert {name: len(units) for name, units in silenced.items()} == dict.fromkeys(silenced, n_wanted)
    assert set(silenced["slow"]) == set(by_tau[-n_wanted:])
    assert set(silenced["fast"]) == set(by_tau[:n_wanted])
    assert set(silenced["best"]) == set(by_score[-n_wanted:])
    assert set(silenced["random"]) <= set(alive)


def test_a_unit_that_is_not_there_cannot_be_silenced(subject: Condition) -> None:
    with pytest.raises(ValueError, match="must be 0 to 35, got 3 to 36"):
        silence(subject, [3, 36])


def test_a_module_is_silenced_as_a_whole() -> None:
    condition = of_modules()
    gone = do("silence@module1", condition, None).silenced
    assert gone == tuple(np.flatnonzero(condition.config.sheet.module_of == 1).tolist())


def test_units_are_told_once_and_in_order(subject: Condition) -> None:
    gone = silence(subject, [7, 3, 7, 5])
    assert gone.silenced == (3, 5, 7)
    assert gone.note == "3 of 36 units silenced; they count as dead"
    assert subject.silenced == ()


def test_the_same_seed_silences_the_same_units_at_random(subject: Condition, before: Evaluation) -> None:
    again = silence_random(subject, before).silenced
    assert again == silence_random(subject, before).silenced
    other = dataclasses.replace(subject, trained=subject.trained.with_settings({"seed": 9}))
    assert silence_random(other, before).silenced != again
