"""Lattices are recovered as they were injected, and nothing else is taken for one."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from topogrid.analysis import grid_scores, measure_lattice
from topogrid.analysis.inputs import box_sides
from topogrid.analysis.maps.lattice import scores_and_lattice
from topogrid.analysis.synthetic import bin_centres, field_map, lattice_axes, lattice_map

Float = NDArray[np.float64]
SPACINGS = (0.45, 0.6, 0.74, 0.95, 1.2, 1.4)


def injected(
    spacing: float, n_units: int, noise: float, rng: np.random.Generator, **shape: object
) -> tuple[Float, ...]:
    """Return maps of random orientation and phase, and those orientations and phases."""
    orientation, phase = rng.uniform(0, 60, n_units), rng.random((n_units, 2))
    maps = np.stack([lattice_map(spacing, o, tuple(p), **shape) for o, p in zip(orientation, phase, strict=True)])
    return maps + noise * rng.normal(size=maps.shape), orientation, phase


def turn(difference: Float, period: float) -> Float:
    """Return the absolute difference of two circular values."""
    return np.abs((difference + period / 2) % period - period / 2)


@pytest.mark.parametrize("n_bins", [20, 32])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_noisy_lattice_is_within_two_per_cent_and_two_degrees(spacing: float, n_bins: int) -> None:
    maps, orientation, _ = injected(spacing, 60, 0.1, np.random.default_rng(11), n_bins=n_bins)
    lattice = measure_lattice(maps, 2.2)
    np.testing.assert_allclose(lattice.spacing, spacing, rtol=0.02)
    assert abs(lattice.spacing.mean() / spacing - 1) < 0.003  # no bias
    assert turn(lattice.orientation - orientation, 60).max() < 2
    assert lattice.ellipse_ratio.max() < 1.1


@pytest.mark.parametrize("spacing", SPACINGS)
def test_strong_noise_spreads_spacings_without_a_bias(spacing: float) -> None:
    maps, orientation, _ = injected(spacing, 60, 0.3, np.random.default_rng(12))
    lattice = measure_lattice(maps, 2.2)
    error = (lattice.spacing / spacing - 1)[np.isfinite(lattice.spacing)]
    assert error.size > 50
    assert abs(error.mean()) < 0.005
    assert np.sqrt((error**2).mean()) < 0.02
    assert np.nanquantile(turn(lattice.orientation - orientation, 60), 0.9) < 2


@pytest.mark.parametrize("n_bins", [20, 32])
@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.3])
def test_fields_of_any_size_give_the_same_spacing(threshold: float, n_bins: int) -> None:
    for spacing in SPACINGS:
        maps, orientation, _ = injected(spacing, 12, 0.0, np.random.default_rng(13), n_bins=n_bins, threshold=threshold)
        lattice = measure_lattice(maps, 2.2)
        np.testing.assert_allclose(lattice.spacing, spacing, rtol=0.02)
        assert turn(lattice.orientation - orientation, 60).max() < 1


def test_phase_places_a_field_on_a_field() -> None:
    rng = np.random.default_rng(13)
    maps, _, phase = injected(0.8, 40, 0.1, rng)
    lattice = measure_lattice(maps, 2.2)
    inner = (lattice.orientation > 3) & (lattice.orientation < 57)  # elsewhere the first axis may be its neighbour
    assert inner.sum() > 20
    assert turn(lattice.phase - phase, 1)[inner].max() < 0.05
    assert ((lattice.phase >= 0) & (lattice.phase < 1)).all()


def test_axes_are_those_of_the_lattice() -> None:
    lattice = measure_lattice(lattice_map(0.7, 25)[None], 2.2)
    np.testing.assert_allclose(lattice.axes[0], lattice_axes(0.7, 25), atol=0.01)


def test_a_stretched_lattice_has_the_ellipse_of_its_stretch() -> None:
    # Seen in a box that is 1.2 times as wide as believed, every distance along x comes out short.
    stretched = lattice_map(0.7, 15, n_bins=30, box_size=(2.2 * 1.2, 2.2))
    lattice = measure_lattice(stretched[None], 2.2)
    assert lattice.ellipse_ratio[0] == pytest.approx(1.2, abs=0.03)
    assert np.abs(lattice.axes[0, :, 1]).max() > 1.1 * np.abs(lattice.axes[0, :, 0]).max()  # along y


@pytest.mark.parametrize(
    ("n_bins", "box_size"), [((44, 20), (2.2, 1.3)), ((20, 32), (2.2, 2.2)), ((16, 24), (1.0, 1.5))]
)
def test_boxes_may_be_oblong_and_bins_oblong(n_bins: tuple[int, int], box_size: tuple[float, float]) -> None:
    maps, orientation, _ = injected(0.5, 10, 0.0, np.random.default_rng(14), n_bins=n_bins, box_size=box_size)
    lattice = measure_lattice(maps, box_size)
    np.testing.assert_allclose(lattice.spacing, 0.5, rtol=0.02)
    assert turn(lattice.orientation - orientation, 60).max() < 2


def test_walls_and_uneven_fields_do_not_bias_spacing() -> None:
    # Fields of any strength, jittered, half of them cut by a wall: where a trained network's spacing could go wrong.
    rng = np.random.default_rng(15)
    spacing, maps = 0.74, []
    for orientation in rng.uniform(0, 60, 60):
        axes = lattice_axes(spacing, orientation)[:2]
        cells = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), axis=-1).reshape(-1, 2) + rng.random(2)
        centres = cells @ axes + rng.normal(scale=0.05 * spacing, size=(81, 2))
        strength = rng.uniform(0.3, 1, 81)
        x, y = bin_centres(20, 2.2)
        squared = (x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2
        maps.append((strength * np.exp(-squared / (2 * (0.2 * spacing) ** 2))).sum(axis=-1))
    lattice = measure_lattice(np.stack(maps), 2.2)
    assert np.isfinite(lattice.spacing).mean() > 0.9
    assert np.nanmean(lattice.spacing) == pytest.approx(spacing, rel=0.02)


def squares(n_bins: int, rng: np.random.Generator) -> Iterator[Float]:
    """Yield square lattices of random spacing, direction and phase."""
    x, y = bin_centres(n_bins, 2.2)
    for _ in range(30):
        k, angle, a, b = 2 * np.pi / rng.uniform(0.45, 1.1), rng.uniform(0, np.pi), *rng.uniform(0, 6.3, 2)
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        yield np.cos(k * along + a) + np.cos(k * across + b)


def stripes(n_bins: int, rng: np.random.Generator) -> Iterator[Float]:
    """Yield bands of random period and direction."""
    x, y = bin_centres(n_bins, 2.2)
    for _ in range(30):
        k, angle, phase = 2 * np.pi / rng.uniform(0.45, 1.5), rng.uniform(0, np.pi), rng.uniform(0, 6.3)
        yield np.maximum(np.cos(k * (np.cos(angle) * x + np.sin(angle) * y) + phase), 0)


def blanks(n_bins: int, rng: np.random.Generator) -> Iterator[Float]:
    """Yield maps with nothing in them."""
    yield from (np.zeros((n_bins, n_bins)), np.full((n_bins, n_bins), 2.0), np.full((n_bins, n_bins), np.nan))


def single_fields(n_bins: int, rng: np.random.Generator) -> Iterator[Float]:
    """Yield place cells of random place and size."""
    for _ in range(30):
        yield field_map(rng.uniform(-1.1, 1.1, (1, 2)), rng.uniform(0.08, 0.4), n_bins=n_bins)


def one_period(n_bins: int, rng: np.random.Generator) -> Iterator[Float]:
    """Yield patterns that repeat at most once within the box."""
    x, y = bin_centres(n_bins, 2.2)
    for a, b in rng.uniform(0, 6.3, (15, 2)):
        yield np.cos(2 * np.pi * x / 2.2 + a) + np.cos(2 * np.pi * y / 2.2 + b)
        yield lattice_map(2.2, np.rad2deg(a), (a % 1, b % 1), n_bins=n_bins, threshold=-0.5)


@pytest.mark.parametrize("n_bins", [20, 32])
@pytest.mark.parametrize("kind", [squares, stripes, blanks, single_fields, one_period])
def test_what_is_no_hexagonal_lattice_gives_nan(kind: Callable[..., Iterator[Float]], n_bins: int) -> None:
    lattice = measure_lattice(np.stack(list(kind(n_bins, np.random.default_rng(16)))), 2.2)
    for column in (lattice.spacing, lattice.orientation, lattice.phase, lattice.ellipse_ratio, lattice.axes):
        assert np.isnan(column).all()


def test_unvisited_bins_are_left_out() -> None:
    x, y = bin_centres(32, 2.2)
    maps, _, _ = injected(0.6, 10, 0.05, np.random.default_rng(17), n_bins=32)
    maps[:, np.hypot(x, y) > 1.1] = np.nan  # a round arena
    np.testing.assert_allclose(measure_lattice(maps, 2.2).spacing, 0.6, rtol=0.02)


def test_no_units_and_maps_too_coarse_give_no_lattice() -> None:
    assert measure_lattice(np.empty((0, 20, 20)), 2.2).axes.shape == (0, 3, 2)
    assert np.isnan(measure_lattice(np.eye(3)[None], 2.2).spacing).all()


@pytest.mark.parametrize("box_size", [0.0, -1.0, np.nan, (1.0, 0.0), (1.0, 1.0, 1.0)])
def test_impossible_boxes_are_refused(box_size: float) -> None:
    with pytest.raises(ValueError, match="box_size must be one positive side"):
        box_sides(box_size)


@pytest.mark.parametrize("shape", [(20, 20), (20, 14)])
def test_scores_taken_along_are_those_taken_alone(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    maps = lattice_map(0.6, 10, n_bins=shape[::-1], box_size=(0.11 * shape[1], 0.11 * shape[0]))
    maps = maps + 0.3 * rng.standard_normal((40, *shape))
    maps[3] = 0.0
    maps[5] *= 1e-9
    maps[7] += 1e4
    maps[:, 0, :3] = np.nan
    box = (0.11 * shape[1], 0.11 * shape[0])
    scores, lattice = scores_and_lattice(maps, box)
    for together, alone in zip(
        (*scores, *lattice), (*grid_scores(maps, box), *measure_lattice(maps, box)), strict=True
    ):
        np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert np.isfinite(lattice.spacing).sum() > 10
