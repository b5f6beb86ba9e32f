"""Time constants are scaled, dealt out and exchanged as is said, and never below one step."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch

from tests.changed_networks import CONFIG, of_modules, subject_of, tau_of, usual_measures
from topogrid.evaluation.results import Evaluation
from topogrid.interventions.condition import Condition
from topogrid.interventions.table import do
from topogrid.interventions.tau import log_tau_of, permute_modules, reverse_modules, scale_tau, swap_tau

TAUS_OFF = dataclasses.replace(CONFIG, tau=False, tau_max=10.0)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_tau_is_scaled_down_to_one_step(factor: float, subject: Condition, before: Evaluation) -> None:
    changed = do(f"tau_x{factor:g}", subject, before)
    torch.testing.assert_close(tau_of(changed), (factor * tau_of(subject)).clamp(min=1))
    n_floored = int((factor * tau_of(subject) < 1).sum())
    assert (f"{n_floored} units" in changed.note) == (n_floored > 0)


def test_a_knock_out_keeps_the_mean(subject: Condition, before: Evaluation) -> None:
    tau = tau_of(do("tau_flat", subject, before))
    torch.testing.assert_close(tau, tau_of(subject).mean().expand_as(tau))


@pytest.mark.parametrize("name", ["tau_permuted", "tau_swapped"])
def test_dealing_tau_out_keeps_its_values(name: str, subject: Condition, before: Evaluation) -> None:
    changed = do(name, subject, before)
    torch.testing.assert_close(tau_of(changed).sort().values, tau_of(subject).sort().values)
    assert not torch.equal(tau_of(changed), tau_of(subject))


def test_swapping_makes_the_fastest_the_slowest_and_twice_is_nothing(subject: Condition, before: Evaluation) -> None:
    swap = partial(do, "tau_swapped")
    once = swap(subject, before)
    assert tau_of(once).argsort(stable=True).tolist() == tau_of(subject).argsort(stable=True).flip(0).tolist()
    torch.testing.assert_close(tau_of(swap(once, before)), tau_of(subject))


def test_permuting_is_the_same_every_time(subject: Condition, before: Evaluation) -> None:
    one, other = (do("tau_permuted", subject, before) for _ in range(2))
    assert torch.equal(tau_of(one), tau_of(other))


@pytest.mark.parametrize("change", [permute_modules, reverse_modules])
def test_whole_modules_exchange_their_taus(change: partial[Condition], before: Evaluation) -> None:
    condition = of_modules()
    sheet = condition.config.sheet
    was, now = (sheet.to_modules(tau_of(one).numpy()) for one in (condition, change(condition, before)))
    np.testing.assert_allclose(np.sort(was, axis=0), np.sort(now, axis=0), rtol=1e-5)
    assert not np.array_equal(was, now)
    assert {tuple(np.round(module, 4)) for module in was} == {tuple(np.round(module, 4)) for module in now}


def test_reversing_gives_the_fastest_module_the_slowest_taus_and_twice_is_nothing(before: Evaluation) -> None:
    condition = of_modules()
    once = reverse_modules(condition, before)
    means = [condition.config.sheet.to_modules(tau_of(one).numpy()).mean(axis=1) for one in (condition, once)]
    assert np.argsort(means[0], kind="stable").tolist() == np.argsort(means[1], kind="stable")[::-1].tolist()
    torch.testing.assert_close(tau_of(reverse_modules(once, before)), tau_of(condition))


def test_a_map_of_a_dose_has_to_fit_and_to_be_finite(subject: Condition, before: Evaluation) -> None:
    for where in (np.ones(35), np.full(36, np.nan)):
        with pytest.raises(ValueError, match=r"where must be \(36,\) finite numbers, one a unit"):
            scale_tau(subject, before, factor=2.0, where=where)


def test_a_plain_network_has_none_to_change() -> None:
    plain = subject_of(TAUS_OFF)
    with pytest.raises(ValueError, match="a plain network has no time constants to change") as refused:
        log_tau_of(plain.network)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="plain network"):
        swap_tau(plain, usual_measures())


def test_a_dose_beyond_all_use_is_refused(subject: Condition, before: Evaluation) -> None:
    where = np.full(subject.config.n_grid_cells, 800.0)
    with pytest.raises(ValueError, match=r"where would give units time constants of up to .* steps, at most 1,000,000"):
        scale_tau(subject, before, factor=1.25, where=where)
