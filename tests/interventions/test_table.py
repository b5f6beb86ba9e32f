"""Each intervention does what it says and nothing else, or is left out with a reason."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.changed_networks import (
    BY_MODULE,
    CONFIG,
    TAU_CHANGES,
    differing,
    of_modules,
    subject_of,
    tau_of,
    weights,
)
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.interventions.condition import Condition
from topogrid.interventions.table import ACTIONS, NEEDS, do, obstacles

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_the_original_stays_as_it_is_bit_for_bit(name: str, subject: Condition, before: Evaluation) -> None:
    if name in BY_MODULE:
        subject = of_modules()
    config = subject.config
    kept, centres = weights(subject.network), subject.place_cells.centres.clone()
    changed = do(name, subject, before)
    with torch.no_grad():
        for parameter in changed.network.parameters():
            if changed.network is not subject.network:
                parameter.fill_(0.5)
    assert all(torch.equal(value, kept[key]) for key, value in subject.network.state_dict().items())
    assert torch.equal(subject.place_cells.centres, centres)
    assert subject.config == config
    assert subject.probe == Probe()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        *((name, {"units.log_tau"}) for name in TAU_CHANGES),
        ("other_animals", set()),
        ("speed_x2", set()),
        ("box_x1.5", set()),
        ("dt_x0.5", {"units.log_tau", "units.w_in"}),
        ("no_recurrence", {"units.wiring.weight"}),
    ],
)
def test_nothing_else_is_changed(name: str, parts: set[str], subject: Condition, before: Evaluation) -> None:
    assert differing(do(name, subject, before).network, subject.network) == parts


def test_a_plain_network_is_told_why_it_has_no_time_constants() -> None:
    plain = subject_of(dataclasses.replace(CONFIG, tau=False, tau_max=10.0))
    left_out = obstacles(plain, list(INTERVENTIONS))
    assert set(left_out) == {
        *TAU_CHANGES,
        "tau_x0.8",
        "tau_x1.25",
        *BY_MODULE,
        "dt_x0.5",
        "dt_x2",
        "silence_slow",
        "silence_fast",
    }
    assert left_out["tau_x2"] == "a plain network has no time constants"
    with pytest.raises(ValueError, match="plain network"):
        do("tau_x2", plain, None)


def test_equal_time_constants_cannot_be_dealt_out_and_a_torus_has_no_walls() -> None:
    even = subject_of(dataclasses.replace(CONFIG, tau_init="uniform", periodic=True))
    with torch.no_grad():
        even.network.units.log_tau.fill_(1.0)
    left_out = obstacles(even, list(INTERVENTIONS))
    assert set(left_out) == {
        "tau_flat", "tau_permuted", *BY_MODULE, "tau_swapped", "silence_slow", "silence_fast", "box_x1.5", "box_x2"
    }  # fmt: skip


def test_every_action_and_need_of_the_catalogue_is_known() -> None:
    assert {one.action for one in INTERVENTIONS.values()} | {"silence module"} == set(ACTIONS)
    assert {need for one in INTERVENTIONS.values() for need in one.needs} == set(NEEDS)


def test_a_dose_reaches_the_units_it_is_meant_for_and_no_other() -> None:
    condition = of_modules()
    tau, inside = tau_of(condition), torch.from_numpy(condition.config.sheet.module_of == 2)
    changed = tau_of(do("tau_x2@module2", condition, None))
    torch.testing.assert_close(changed[inside], 2 * tau[inside])
    assert torch.equal(changed[~inside], tau[~inside])
    shares = np.linspace(0, 1, 64)
    ramp = tau_of(do("tau_x2", condition, None, weights=shares))
    torch.testing.assert_close(ramp.double(), tau.double() * torch.from_numpy(2**shares), rtol=1e-5, atol=0)
    with pytest.raises(ValueError, match="where must be"):
        do("tau_x2", condition, None, weights=np.ones(3))


def test_a_module_that_is_not_there_is_left_out_with_a_reason(subject: Condition) -> None:
    condition = of_modules()
    assert obstacles(condition, ["tau_x2@module4"]) == {"tau_x2@module4": "the modules of the sheet are 0 to 3"}
    assert obstacles(subject, ["tau_x2@module0"]) == {"tau_x2@module0": "the sheet has no modules"}
