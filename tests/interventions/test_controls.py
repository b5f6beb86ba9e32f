"""Networks without what training made are those before it, or lack their recurrence."""

import dataclasses

import numpy as np
import torch

from tests.changed_networks import CONFIG, differing, subject_of, tau_of
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.controls import cut_recurrence, leak_only, untrain
from topogrid.interventions.table import do
from topogrid.model.network import PathIntegrator
from topogrid.streams import make_generators


def test_untrained_is_the_network_before_its_first_step(subject: Condition, before: Evaluation) -> None:
    first = PathIntegrator.from_config(CONFIG, generator=make_generators(0, "cpu", ("weights",))["weights"])
    assert differing(do("untrained", subject, before).network, first) == set()


def test_leak_only_keeps_nothing_of_training_but_tau(subject: Condition, before: Evaluation) -> None:
    changed = do("leak_only", subject, before)
    first = PathIntegrator.from_config(CONFIG, generator=make_generators(0, "cpu", ("weights",))["weights"])
    assert differing(changed.network, first) == {"units.wiring.weight", "units.log_tau"}
    assert not changed.network.units.wiring.weight.any()
    torch.testing.assert_close(tau_of(changed), tau_of(subject))


def test_without_recurrence_a_unit_hears_no_other(subject: Condition, before: Evaluation) -> None:
    bare = cut_recurrence(subject, before).network
    moves = torch.randn((6, 1, 2), generator=torch.Generator().manual_seed(0)) / 50
    code = subject.place_cells.encode(torch.zeros(1, 2))
    with torch.no_grad():
        usual = bare(code, moves).activity
        bare.units.w_in[5] += 1.0
        bare.encoder[5] += 1.0
        louder = bare(code, moves).activity
    others = np.setdiff1d(np.arange(36), [5])
    torch.testing.assert_close(louder[..., others], usual[..., others])
    assert not torch.equal(louder[..., 5], usual[..., 5])


def test_a_plain_network_has_a_leak_without_time_constants(before: Evaluation) -> None:
    plain = subject_of(dataclasses.replace(CONFIG, tau=False, tau_max=10.0))
    assert leak_only(plain, before).network.units.log_tau is None
    assert differing(leak_only(plain, before).network, untrain(plain, before).network) == {"units.wiring.weight"}
