"""Surrogates keep what they promise and lose the hexagon; the gate's error rates are the promised ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.synthetic import lattice_map
from topogrid.analysis import NULLS, grid_gate, grid_scores
from topogrid.analysis.nulls import ring_radius

Float = NDArray[np.float64]


def lattices(n_units: int, rng: np.random.Generator, n_bins: int = 20) -> Float:
    """Return lattices of random spacing, orientation and phase, with a corner that was never visited."""
    maps = np.stack(
        [
            lattice_map(rng.uniform(0.5, 1.2), rng.uniform(0, 60), tuple(rng.random(2)), n_bins=n_bins)
            for _ in range(n_units)
        ]
    )
    maps[:, :3, :3] = np.nan
    return maps


@pytest.mark.parametrize("null", NULLS)
def test_surrogates_keep_rates_and_unvisited_bins_but_not_the_hexagon(null: str) -> None:
    maps = lattices(150, np.random.default_rng(1))
    surrogates = NULLS[null](maps, np.random.default_rng(2))
    np.testing.assert_array_equal(np.isnan(surrogates), np.isnan(maps))
    np.testing.assert_array_equal(np.sort(surrogates.reshape(150, -1)), np.sort(maps.reshape(150, -1)))
    assert (grid_scores(maps).score_60 > 0.8).all()
    assert (grid_scores(surrogates).score_60 > 0.8).mean() < 0.2


@pytest.mark.parametrize("null", NULLS)
def test_surrogates_are_repeatable_and_new_each_time(null: str) -> None:
    maps = lattices(5, np.random.default_rng(3))
    first, again = (NULLS[null](maps, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(4)
    NULLS[null](maps, rng)
    assert not np.array_equal(NULLS[null](maps, rng), first, equal_nan=True)


def test_ring_radius_is_the_wave_number_of_the_lattice() -> None:
    spacing = np.array([0.5, 0.74, 0.95, 1.1])
    maps = np.stack([lattice_map(s, 20, threshold=-0.5) for s in spacing])
    np.testing.assert_allclose(ring_radius(maps), 2.2 * 2 / (np.sqrt(3) * spacing), rtol=0.08)


@pytest.mark.parametrize("null", ["ring", "spectrum"])
def test_period_survives_in_ring_and_spectrum_noise(null: str) -> None:
    maps = lattices(60, np.random.default_rng(5))
    surrogates = NULLS[null](maps, np.random.default_rng(6))
    assert np.corrcoef(ring_radius(maps), ring_radius(surrogates))[0, 1] > 0.9


def test_gate_passes_lattices_among_noise() -> None:
    rng = np.random.default_rng(7)
    maps = lattices(120, rng)
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
    assert (gate.null_share_03 >= gate.null_share_05) & (gate.null_share_05 >= gate.null_share_08)
    assert gate.n_surrogates == 20
    assert gate.null_scores.shape == (120, 20)
    assert 0 < gate.null_share_gate <= 0.01


def test_gate_finds_nothing_in_pure_noise() -> None:
    rng = np.random.default_rng(8)
    noise = NULLS["ring"](lattices(200, rng), rng)
    gate = grid_gate(noise, n_surrogates=10, rng=rng)
    assert gate.share_03 > 0.2  # what a threshold of 0.3 would have called grid cells
    assert gate.share_03 == pytest.approx(gate.null_share_03, abs=0.12)
    assert gate.passed.mean() <= 0.01
    assert (gate.p_value <= 0.05).mean() < 0.12


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
        grid_gate(lattices(2, np.random.default_rng(0)), rng=np.random.default_rng(0), **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("n_bins", [20, 32])
def test_false_positive_rate_on_ring_noise_is_at_most_one_per_cent(n_bins: int) -> None:
    rng = np.random.default_rng(10)
    p_values, passed = [], []
    for _ in range(8):
        gate = grid_gate(NULLS["ring"](lattices(500, rng, n_bins), rng), rng=rng)
        p_values.append(gate.p_value)
        passed.append(gate.passed)
    assert np.mean(passed) <= 0.01
    # Without the control over the network each unit alone is judged at 1 % too, give or take three standard errors.
    assert np.mean(np.concatenate(p_values) <= 0.01) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 4000)
