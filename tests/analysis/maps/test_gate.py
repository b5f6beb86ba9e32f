"""The gate finds lattices, and its error rates are the promised ones."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from topogrid.analysis import NULLS, grid_gate
from topogrid.analysis.maps import gate as gates
from topogrid.analysis.synthetic import random_lattices


def test_gate_passes_lattices_among_noise() -> None:
    rng = np.random.default_rng(7)
    maps = random_lattices(120, rng)
    maps[60:] = NULLS["ring"](maps[60:], rng)
    maps[-5:] = 0.0  # dead
    gate = grid_gate(maps, n_surrogates=20, rng=rng)
    assert gate.passed[:60].mean() > 0.9
    assert gate.passed[60:].sum() <= 4
    assert np.isnan(gate.p_value[-5:]).all()
    assert not gate.passed[-5:].any()
    assert gate.share_08 > 0.45
    assert gate.null_share_08 < 0.15
    assert (gate.share_03 >= gate.share_05) & (gate.share_05 >= gate.share_08)
    assert gate.null_share_03 >= gate.null_share_08
    assert gate.n_surrogates == 20
    assert gate.null_scores.shape == (120, 20)
    assert 0 < gate.null_share_gate <= 0.01


def test_gate_finds_nothing_in_pure_noise() -> None:
    rng = np.random.default_rng(8)
    noise = NULLS["ring"](random_lattices(200, rng), rng)
    gate = grid_gate(noise, n_surrogates=10, rng=rng)
    assert gate.share_03 > 0.2  # what a threshold of 0.3 would have called grid cells
    assert gate.share_03 == pytest.approx(gate.null_share_03, abs=0.12)
    assert gate.passed.mean() <= 0.01
    assert (gate.p_value <= 0.05).mean() < 0.12


def test_one_lattice_among_hundreds_of_noise_maps_is_found() -> None:
    # Of 2,000 surrogates none may be better, and still p is too large for one discovery among 200: more are drawn.
    rng = np.random.default_rng(20)
    maps = random_lattices(200, rng)
    maps[1:] = NULLS["ring"](maps[1:], rng)
    gate = grid_gate(maps, rng=rng)
    assert gate.p_value[0] <= 0.05 / 200
    assert gate.passed[0]
    assert gate.passed[1:].sum() <= 1
    assert gate.null_scores.shape == (200, gate.n_surrogates)
    fixed = grid_gate(maps, n_surrogates=gate.n_surrogates, rng=rng)
    assert fixed.p_value.min() > 0.05 / 200  # what was asked for and no more


def test_gate_of_a_dead_network_is_empty() -> None:
    gate = grid_gate(np.zeros((6, 20, 20)), rng=np.random.default_rng(9))
    assert not gate.passed.any()
    assert np.isnan(gate.p_value).all()
    assert gate.share_03 == gate.null_share_03 == gate.null_share_gate == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"), [({"null": "white"}, "null must be one of ring"), ({"n_surrogates": 0}, "at least 1")]
)
def test_gate_refuses_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid_gate(random_lattices(2, np.random.default_rng(0)), rng=np.random.default_rng(0), **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("n_bins", [20, 32])
def test_false_positive_rate_on_ring_noise_is_at_most_one_per_cent(n_bins: int) -> None:
    rng = np.random.default_rng(10)
    p_values, passed = [], []
    for _ in range(8):
        gate = grid_gate(NULLS["ring"](random_lattices(500, rng, n_bins), rng), rng=rng)
        p_values.append(gate.p_value)
        passed.append(gate.passed)
    assert np.mean(passed) <= 0.01
    # Without the control over the network each unit alone is judged at 1 % too, give or take three standard errors.
    assert np.mean(np.concatenate(p_values) <= 0.01) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 4000)


@pytest.mark.parametrize("size", [0, 1, 2, 50, 400])
def test_p_values_are_adjusted_as_scipy_does_to_the_bit(size: int) -> None:
    p_value = np.random.default_rng(size).random(size) ** 3
    p_value[size // 2 :] = np.round(p_value[size // 2 :], 1)  # ties
    expected = false_discovery_control(p_value, method="bh") if size else p_value
    np.testing.assert_array_equal(gates._adjusted(p_value), expected)
