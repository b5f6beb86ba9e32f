"""Bumps are found between units, followed round the torus, and pooled by place."""

import numpy as np
import pytest

from topogrid.continuous.flow import WIDTH, bumps_of, by_column, moved


def disc(centres: np.ndarray, shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    """Return bumps on a torus, each a Gaussian of 3 units, at ``(column, row)``."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    made = np.zeros(shape)
    for x, y in centres:
        across = (columns - x + shape[1] / 2) % shape[1] - shape[1] / 2
        along = (rows - y + shape[0] / 2) % shape[0] - shape[0] / 2
        made += np.exp(-(across**2 + along**2) / 18)
    return made


def test_bumps_are_found_between_units_and_across_the_edge() -> None:
    centres = np.array([[10.3, 8.0], [30.0, 20.7], [59.6, 39.8]])
    found = bumps_of(disc(centres))
    assert len(found) == 3
    for centre in centres:
        apart = (found - centre + np.array([30, 20])) % np.array([60, 40]) - np.array([30, 20])
        assert np.hypot(*apart.T).min() < 0.05


def test_bumps_that_move_over_the_edge_are_followed() -> None:
    before = np.array([[10.0, 8.0], [59.5, 39.5]])
    where, way = moved(before, np.array([[0.5, 0.5], [11.0, 8.0]]), (40, 60))
    np.testing.assert_allclose(where, before)
    np.testing.assert_allclose(way, [[1.0, 0.0], [1.0, 1.0]])


def test_a_bump_that_jumped_is_left_out_and_none_is_no_fault() -> None:
    before = np.array([[10.0, 8.0], [40.0, 20.0]])
    where, way = moved(before, np.array([[10.5, 8.0], [30.0, 20.0]]), (40, 60))
    np.testing.assert_allclose(where, before[:1])
    np.testing.assert_allclose(way, [[0.5, 0.0]])
    for one, other in ((before, before[:0]), (before[:0], before)):
        assert moved(one, other, (40, 60))[0].shape == (0, 2)


def test_places_with_few_bumps_have_no_speed() -> None:
    where = np.array([[1.0, 0.0]] * 30 + [[WIDTH + 1.0, 0.0]] * 3)
    flow = by_column(where, np.concatenate([np.linspace(0, 2, 30), [5.0] * 3]), 2 * WIDTH)
    assert flow[0] == pytest.approx(1.0)
    assert np.isnan(flow[1])


def test_a_stripe_has_no_place_beyond_its_own_unit() -> None:
    """Along a stripe activity is level but for rounding, which must not throw a bump out of the sheet."""
    made = np.tile(np.exp(-((np.arange(60) - 30.0) ** 2) / 18), (40, 1))
    made += 1e-13 * np.random.default_rng(0).random(made.shape)
    found = bumps_of(made)
    assert ((found > -1) & (found < [60, 40])).all()
