"""Only a torus is found to be one."""

import sys

import numpy as np
import pytest

from topogrid.analysis import Torus, torus_of

PLACES = np.random.default_rng(1).random((800, 2)) * 3  # metres


def module(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "torus":
        waves = np.array([[1, 0], [-0.5, np.sqrt(3) / 2], [-0.5, -np.sqrt(3) / 2]]) * 4 * np.pi / np.sqrt(3)
        phase = rng.random((60, 2)) @ np.array([[1, 0], [0.5, np.sqrt(3) / 2]])
        return np.maximum(0, np.cos((PLACES[:, None] - phase) @ waves.T).sum(axis=-1))
    if kind == "ring":
        return np.maximum(0, np.cos(2 * np.pi * (PLACES[:, :1] - rng.random(60))))
    if kind == "disc":
        return np.exp(-((PLACES[:, None] - 3 * rng.random((60, 2))) ** 2).sum(axis=-1) / 0.3)
    return rng.random((len(PLACES), 60))


@pytest.mark.parametrize(("kind", "betti"), [("torus", (2, 1)), ("ring", (1, 0)), ("disc", (0, 0)), ("noise", (0, 0))])
def test_loops_and_holes_are_those_of_a_known_shape(kind: str, betti: tuple[int, int]) -> None:
    pytest.importorskip("ripser")
    found = torus_of(module(kind), rng=np.random.default_rng(0), n_points=120, n_surrogates=2)
    assert found.betti == betti
    assert found.is_torus is (kind == "torus")


def test_a_bar_counts_beyond_the_surrogates_and_a_margin() -> None:
    bars = np.array([0.9, 0.5, 0.35])
    assert Torus(bars, bars[:1], 0.3, 0.7).betti == (2, 0)


@pytest.mark.parametrize("states", [np.ones((5, 3)), np.ones(30), np.full((30, 3), np.nan), np.ones((30, 3))])
def test_states_without_a_shape_are_refused(states: np.ndarray) -> None:
    with pytest.raises(ValueError, match="states"):
        torus_of(states, rng=np.random.default_rng(0))


@pytest.mark.parametrize("exponent", [-900, -300, 300, 900])
def test_the_unit_of_states_changes_nothing(exponent: int) -> None:
    states = np.random.default_rng(1).random((80, 6))
    ways = [
        torus_of(one, rng=np.random.default_rng(0), n_points=30, n_surrogates=1)
        for one in (states, np.ldexp(states, exponent))
    ]
    for once, again in zip(*ways, strict=True):
        np.testing.assert_array_equal(once, again)


def test_without_ripser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ripser", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topogrid\[topology\]'"):
        torus_of(module("noise"), rng=np.random.default_rng(0))
