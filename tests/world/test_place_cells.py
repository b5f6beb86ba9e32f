"""The place code is the published formula, keeps to its range, and can be read back."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from topogrid.world.place_cells import DECODED_CELLS, PlaceCells
from topogrid.world.walks import simulate_walks

BOX = (2.2, 2.2)
PLACES = {"centre": (0.0, 0.0), "wall": (1.1, 0.0), "corner": (-1.1, 1.1)}


def scattered(n_cells: int = 512, box_size: tuple[float, float] = BOX, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(n_cells, 2, generator=generator) - 0.5) * torch.tensor(box_size)


def place_cells(
    widths: tuple[float, ...] = (0.12,), n_cells: int = 512, seed: int = 0, **settings: object
) -> PlaceCells:
    box_size = settings.pop("box_size", BOX)
    return PlaceCells(scattered(n_cells, box_size, seed), widths, box_size=box_size, **settings)  # type: ignore[arg-type]


def direct_code(
    position: NDArray[np.float64], centres: NDArray[np.float64], width: float, scale: float, amplitude: float
) -> NDArray[np.float64]:
    """Return the code ``(place,)`` of one position: the formula of Sorscher et al., written down."""
    squared = ((position - centres) ** 2).sum(axis=1)
    narrow = np.exp(-squared / (2 * width**2))
    wide = np.exp(-squared / (2 * scale * width**2))
    code = narrow / narrow.sum() - amplitude * wide / wide.sum()
    if amplitude:
        code -= code.min()
    return code / code.sum()


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("width", "scale", "amplitude"), [(0.12, 2, 1), (0.2, 2, 1), (0.12, 4, 1), (0.12, 2, 0.5), (0.12, 2, 0)]
)
def test_code_agrees_with_the_formula(place: tuple[float, float], width: float, scale: float, amplitude: float) -> None:
    cells = place_cells((width,), surround_scale=scale, surround_amplitude=amplitude)
    code = cells.encode(torch.tensor(place))
    wanted = direct_code(np.array(place), cells.centres.double().numpy(), width, scale, amplitude)
    np.testing.assert_allclose(code, wanted, rtol=1e-3, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("seed", range(5))
def test_range_of_the_dos_code(place: tuple[float, float], seed: int) -> None:
    """A background of one over the number of cells, a peak of some times as much, a trough that reaches 0."""
    code = place_cells(seed=seed).encode(torch.tensor(place))
    assert code.sum().item() == pytest.approx(1, abs=1e-5)
    assert code.min() == 0
    assert code.median().item() == pytest.approx(1 / 512, rel=0.01)
    assert 2 / 512 < code.max() < 14 / 512


def test_entropy_of_the_targets_lies_a_tenth_of_a_nat_below_knowing_nothing() -> None:
    entropies = []
    for seed in range(3):
        walks = simulate_walks(100, 20, box_size=BOX, dt=0.02, generator=torch.Generator().manual_seed(seed))
        code = place_cells(seed=seed).encode(walks.position)
        entropies.append(torch.special.entr(code).sum(dim=-1).mean().item())
    assert np.mean(entropies) == pytest.approx(6.145, abs=0.004)
    assert math.log(512) - np.mean(entropies) > 0.09


@given(
    widths=st.lists(st.floats(0.08, 0.4), min_size=1, max_size=4),
    n_cells=st.integers(60, 300),
    amplitude=st.floats(0, 1),
    scale=st.floats(1.05, 10),
    periodic=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_population_is_non_negative_and_sums_to_one(
    widths: list[float], n_cells: int, amplitude: float, scale: float, periodic: bool, seed: int
) -> None:
    cells = place_cells(
        tuple(widths), n_cells, seed, surround_amplitude=amplitude, surround_scale=scale, periodic=periodic
    )
    positions = torch.cat((scattered(20, seed=seed + 1), torch.tensor(list(PLACES.values()))))
    code = cells.encode(positions)
    assert (code >= 0).all()
    assert [population.width for population in cells.populations] == widths
    covered = torch.zeros(n_cells, dtype=torch.int)
    for population in cells.populations:
        covered[population.cells] += 1
        part = code[:, population.cells]
        torch.testing.assert_close(part.sum(dim=-1), torch.ones(len(positions)), rtol=0, atol=1e-4)
        if amplitude > 1e-3:
            assert (part.amin(dim=-1) == 0).all()
    assert (covered == 1).all()
    sizes = [population.cells.stop - population.cells.start for population in cells.populations]
    assert max(sizes) - min(sizes) <= 1


def test_several_widths_are_populations_of_their_own() -> None:
    widths = (0.09, 0.16, 0.28)
    cells = place_cells(widths, 300)
    positions = scattered(10, seed=9)
    alone = [
        PlaceCells(cells.centres[low : low + 100], [width], box_size=BOX).encode(positions)
        for low, width in zip((0, 100, 200), widths, strict=True)
    ]
    torch.testing.assert_close(cells.encode(positions), torch.cat(alone, dim=-1))


def test_without_surround_it_is_a_softmax_of_gaussians() -> None:
    cells = place_cells(surround_amplitude=0.0)
    positions = scattered(50, seed=1)
    squared = torch.cdist(positions.double(), cells.centres.double()).square()
    wanted = torch.softmax(-squared / (2 * 0.12**2), dim=-1).float()
    torch.testing.assert_close(cells.encode(positions), wanted, rtol=1e-3, atol=1e-7)


def test_the_surround_is_as_wide_and_as_deep_as_asked() -> None:
    """From amplitude 1 down to 0 the trough fills; with a larger scale it moves outwards."""
    cells = scattered(4000)
    here = torch.zeros(2)

    def trough(scale: float, amplitude: float) -> float:
        code = PlaceCells(cells, [0.12], box_size=BOX, surround_scale=scale, surround_amplitude=amplitude).encode(here)
        return float(cells[code.argmin()].norm())

    # The minimum of exp(-r^2/2)/1 - a exp(-r^2/2s)/s over r, in units of sigma.
    for scale, amplitude in [(2.0, 1.0), (4.0, 1.0), (2.0, 0.5)]:
        wanted = 0.12 * math.sqrt(2 * math.log(scale**2 / amplitude) / (1 - 1 / scale))
        assert trough(scale, amplitude) == pytest.approx(wanted, abs=0.02)
    contrasts = [
        float(place_cells(surround_amplitude=amplitude).encode(here).max()) for amplitude in (0.0, 0.25, 0.5, 1.0)
    ]
    assert contrasts == sorted(contrasts, reverse=True)


def test_shape_follows_the_positions() -> None:
    cells = place_cells(n_cells=60)
    positions = scattered(24, seed=2).reshape(2, 3, 4, 2)
    code = cells.encode(positions)
    assert code.shape == (2, 3, 4, 60)
    assert cells.decode(code).shape == positions.shape
    assert cells.error(cells.decode(code), positions).shape == (2, 3, 4)
    torch.testing.assert_close(code[1, 2, 3], cells.encode(positions[1, 2, 3]))
    assert cells.encode(positions[:0]).shape == (0, 3, 4, 60)


# --- reading back


def test_decoding_a_perfect_code_is_good_to_four_centimetres() -> None:
    errors = []
    for seed in range(4):
        cells = place_cells(seed=seed)
        positions = scattered(3000, seed=100 + seed)
        errors.append(100 * cells.error(cells.decode(cells.encode(positions)), positions).mean().item())
    assert np.mean(errors) == pytest.approx(4.2, abs=0.3)


def test_decoding_is_the_mean_of_the_three_nearest_centres() -> None:
    cells = place_cells()
    positions = scattered(200, seed=3)
    nearest = torch.cdist(positions, cells.centres).topk(DECODED_CELLS, largest=False).indices
    wanted = cells.centres[nearest].mean(dim=-2)
    torch.testing.assert_close(cells.decode(cells.encode(positions)), wanted)


def test_decoding_takes_logits_as_well() -> None:
    cells = place_cells()
    code = cells.encode(scattered(100, seed=4))
    torch.testing.assert_close(cells.decode(3 * code.log() - 7), cells.decode(code))


def test_several_populations_vote() -> None:
    cells = place_cells((0.3, 0.4), 200)
    code = torch.rand(5, 200, generator=torch.Generator().manual_seed(0))
    votes = [
        PlaceCells(cells.centres[part], [0.12], box_size=BOX).decode(code[:, part])
        for part in (slice(100), slice(100, 200))
    ]
    torch.testing.assert_close(cells.decode(code), (votes[0] + votes[1]) / 2)


# --- the torus


def test_on_a_torus_the_code_does_not_see_the_walls() -> None:
    box = (2.0, 1.0)
    cells = place_cells(n_cells=200, box_size=box, periodic=True)
    positions, shift = scattered(30, box), torch.tensor([0.7, -0.4])
    code = cells.encode(positions)
    torch.testing.assert_close(cells.encode(positions + torch.tensor(box)), code, rtol=1e-3, atol=1e-6)
    moved = PlaceCells(cells.centres + shift, [0.12], box_size=box, periodic=True)
    torch.testing.assert_close(moved.encode(positions + shift), code, rtol=1e-3, atol=1e-6)


def test_far_from_the_walls_a_torus_is_an_open_box() -> None:
    here = torch.tensor([[0.1, -0.2]])
    open_code, torus_code = (
        place_cells(periodic=periodic, surround_amplitude=0.0).encode(here) for periodic in (False, True)
    )
    torch.testing.assert_close(open_code, torus_code, rtol=1e-3, atol=1e-7)


def test_decoding_works_across_the_seam() -> None:
    cells = place_cells(periodic=True)
    along = torch.linspace(-1.1, 1.1, 200)
    for seam in (
        torch.stack((torch.full_like(along, 1.0999), along), -1),
        torch.stack((along, -along.sign() * 1.1), -1),
    ):
        decoded = cells.decode(cells.encode(seam))
        assert (decoded.abs() <= 1.1).all()
        error = cells.error(decoded, seam)
        assert error.mean() < 0.06
        assert error.max() < 0.25


def test_populations_on_both_sides_of_the_seam_vote_together() -> None:
    left = torch.tensor([[-1.05, 0.0]]).repeat(3, 1)
    right = torch.tensor([[1.09, 0.0]]).repeat(3, 1)
    cells = PlaceCells(torch.cat((left, right)), [0.1, 0.1], box_size=BOX, periodic=True)
    torch.testing.assert_close(cells.decode(torch.ones(6)), torch.tensor([-1.08, 0.0]))


def test_distances_on_a_torus_take_the_short_way() -> None:
    one, other = torch.tensor([1.0, 0.3]), torch.tensor([-1.0, 0.3])
    assert place_cells(periodic=True).error(one, other).item() == pytest.approx(0.2, abs=1e-6)
    assert place_cells().error(one, other).item() == pytest.approx(2.0)


# --- making them


def test_moving_keeps_everything() -> None:
    cells = place_cells((0.1, 0.2), 100, surround_scale=3.0, surround_amplitude=0.7, periodic=True)
    cells.compiled = True
    position = scattered(3, seed=5)
    there = copy.deepcopy(cells).to("meta")
    assert there.compiled
    there.compiled = False
    assert there.centres.device.type == "meta"
    assert there.encode(position.to("meta")).shape == (3, 100)
    assert there.decode(there.encode(position.to("meta"))).shape == (3, 2)
    back = cells.to("cpu")
    assert back.compiled
    back.compiled = False
    fresh = place_cells((0.1, 0.2), 100, surround_scale=3.0, surround_amplitude=0.7, periodic=True)
    assert torch.equal(back(position), fresh.encode(position))


def test_the_state_is_the_centres_alone_and_learns_nothing() -> None:
    cells, other = place_cells(seed=1), place_cells(seed=2)
    assert set(cells.state_dict()) == {"centres"}
    assert list(cells.parameters()) == []
    other.load_state_dict(cells.state_dict())
    position = scattered(20, seed=5)
    assert torch.equal(other.encode(position), cells.encode(position))
    with pytest.raises(RuntimeError, match="size mismatch"):
        place_cells(n_cells=100).load_state_dict(cells.state_dict())


@pytest.mark.parametrize(
    ("widths", "settings", "message"),
    [
        ((), {}, r"widths must be above 0 m, got \[\]"),
        ((0.12, 0.0), {}, r"widths must be above 0 m, got \[0.12, 0.0\]"),
        ((-0.1,), {}, "widths must be above 0 m"),
        ((math.nan,), {}, "widths must be above 0 m"),
        ((0.1,) * 4, {}, "4 populations of at least 3 place cells need 12 cells, got 10"),
        ((0.1,), {"surround_scale": 1.0}, "surround_scale .* must be above 1, got 1.0"),
        ((0.1,), {"surround_scale": math.nan}, "surround_scale .* must be above 1, got nan"),
        ((0.1,), {"surround_amplitude": 1.5}, "surround_amplitude must be between 0 and 1, got 1.5"),
        ((0.1,), {"surround_amplitude": -0.1}, "surround_amplitude must be between 0 and 1, got -0.1"),
    ],
)
def test_settings_out_of_range(widths: tuple[float, ...], settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        place_cells(widths, 10, **settings)


def test_populations_too_narrow_to_decode_from_do_not_vote() -> None:
    generator = torch.Generator().manual_seed(3)
    centres = (2 * torch.rand(512, 2, generator=generator) - 1) * 1.1
    cells = PlaceCells(centres, (0.09, 0.16, 0.28), box_size=(2.2, 2.2))
    positions = (2 * torch.rand(2000, 2, generator=generator) - 1) * 1.1
    error_cm = 100 * cells.error(cells.decode(cells.encode(positions)), positions).mean()
    assert error_cm < 9  # 13 cm if the narrow population votes too
