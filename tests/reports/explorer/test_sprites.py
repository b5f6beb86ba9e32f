"""Rate maps and numbers come back from the page to within a step, and what is missing stays missing."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.reports.pages import rates, unpacked
from topogrid.reports.explorer.sprites import coarse, encode_png, exact, quantise, sprite


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33)])
def test_a_png_reads_back_pixel_by_pixel(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype(np.uint8)
    for image in (pixels, smooth):
        read = Image.open(io.BytesIO(encode_png(image)))
        assert read.mode == "L"
        np.testing.assert_array_equal(np.asarray(read), image)


@pytest.mark.parametrize("levels", [254, 30, 1])
@pytest.mark.parametrize("units", [1, 4, 5])
def test_rates_come_back_to_half_a_level(levels, units):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(units, 6, 9))
    maps[0] = 0.0
    maps[-1, 2, 3] = np.nan
    read = rates(sprite(quantise(maps, levels)), units)
    span = np.nanmax(maps, (1, 2), initial=0) - np.nanmin(maps, (1, 2), initial=0)
    np.testing.assert_array_equal(np.isnan(read), np.isnan(maps))
    assert (np.nan_to_num(np.abs(read - maps)) <= (span / levels / 2 + 1e-6)[:, None, None]).all()


def test_numbers_come_back_and_what_is_missing_stays_missing():
    values = np.array([np.nan, -1.25, 0.0, 3.0, 1e-3])
    np.testing.assert_allclose(unpacked(exact(values)), values, rtol=1e-6)
    np.testing.assert_allclose(unpacked(coarse(values)), values, atol=0.51 * 4.25 / 65534)
    for one in (np.full(3, np.nan), np.full(3, 2.5)):
        np.testing.assert_allclose(unpacked(coarse(one)), one)


@pytest.mark.parametrize(
    ("maps", "levels", "said"), [(np.zeros((2, 3)), 9, "missing axis"), (np.zeros((1, 2, 2)), 255, "1 to 254")]
)
def test_maps_that_cannot_be_packed_are_refused(maps, levels, said):
    with pytest.raises(ValueError, match=said):
        quantise(maps, levels)


def test_the_ends_of_a_map_are_exact_and_negative_rates_are_kept() -> None:
    maps = np.array([[[-2.0, 0.0], [3.0, np.nan]], [[5.0, 5.0], [5.0, 5.0]]])
    found = quantise(maps, 10)
    assert found.low.tolist() == [-2.0, 0.0]
    assert found.peak.tolist() == [3.0, 5.0]
    assert found.codes.tolist() == [[[1, 5], [11, 0]], [[11, 11], [11, 11]]]


@pytest.mark.parametrize("units", [1, 2, 9, 10])
def test_maps_stand_unit_after_unit_along_the_rows(units: int) -> None:
    """Each map is full of its own number, so that one in the place of another would show."""
    maps = np.broadcast_to(np.arange(units, dtype=float)[:, None, None], (units, 2, 3))
    laid_out = sprite(quantise(maps))
    assert laid_out["bins"] == [3, 2]
    assert laid_out["columns"] ** 2 >= units > (laid_out["columns"] - 1) ** 2
    np.testing.assert_allclose(rates(laid_out, units), maps)


def test_packing_in_fewer_bits_takes_half_the_room() -> None:
    values = np.linspace(-3, 7, 4000)
    sizes = [len(next(iter(pack(values).values()))) for pack in (exact, coarse)]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)
    assert np.isnan(unpacked(coarse([np.inf, 1.0, -np.inf]))).tolist() == [True, False, True]
