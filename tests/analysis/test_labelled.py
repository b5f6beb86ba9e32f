"""Maps that name their axes come out as (unit, y, x) with y upwards, whatever order and direction they came in."""

import numpy as np
import pytest

from tests.labelled_arrays import Labelled
from topogrid.analysis import grid_table
from topogrid.analysis.inputs import as_maps, box_of
from topogrid.analysis.labelled import from_labels, is_labelled
from topogrid.analysis.synthetic import lattice_map

MAPS = np.arange(24.0).reshape(2, 3, 4)  # (unit, y, x)
X, Y = np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.1, 0.2, 0.3])


def test_labelled_maps_come_in_order() -> None:
    maps = np.stack([lattice_map(0.4, 10, n_bins=(12, 10), box_size=(1.2, 1.0)) for _ in range(2)])
    x, y = 0.05 + 0.1 * np.arange(12), 0.05 + 0.1 * np.arange(10)
    given = Labelled(
        maps[:, ::-1].transpose(2, 0, 1), ("pos_x", "unit", "pos_y"), {"pos_x": x, "pos_y": y[::-1], "unit": [3, 9]}
    )
    np.testing.assert_array_equal(as_maps(Labelled(maps, ("unit", "y", "x"), {})), maps)
    # Axes of pynapple's features without a name, x first.
    np.testing.assert_array_equal(as_maps(Labelled(maps.transpose(0, 2, 1), ("unit", "0", "1"), {})), maps)
    turned = Labelled(given.values.transpose(1, 2, 0), ("unit", "pos_y", "pos_x"), given.coords)
    np.testing.assert_array_equal(as_maps(turned), maps)
    assert box_of(turned) == pytest.approx((1.2, 1.0))
    table = grid_table(turned, n_surrogates=99, rng=np.random.default_rng(0))
    assert table["unit"].tolist() == [3, 9]
    assert table["spacing_m"] == pytest.approx(0.4, rel=0.02)


@pytest.mark.parametrize("flipped", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_axes_that_fall_are_turned_round(flipped: tuple[int, int]) -> None:
    down, left = flipped
    given = Labelled(MAPS[:, ::down, ::left], ("unit", "y", "x"), {"y": Y[::down], "x": X[::left]})
    found = from_labels(given)
    np.testing.assert_array_equal(found.maps, MAPS)
    assert found.box_size == pytest.approx((0.8, 0.3))


def test_one_map_is_one_unit_and_units_without_labels_are_counted() -> None:
    one = from_labels(Labelled(MAPS[0], ("y", "x"), {}))
    np.testing.assert_array_equal(one.maps, MAPS[:1])
    assert (one.unit.tolist(), one.box_size) == ([0], None)
    assert from_labels(Labelled(MAPS, ("cell", "y", "x"), {"cell": ["a", "b"]})).unit.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("dims", "coords", "message"),
    [
        (("unit", "row", "col"), {}, "axes of unit, y and x, got unit, row, col: rename them"),
        (("x", "bin_x", "y"), {}, "axes of unit, y and x, got x, bin_x, y"),
        (("unit", "y", "x"), {"x": [0.1, 0.2, 0.4, 0.8]}, "evenly spaced"),
        (("unit", "y", "x"), {"y": [0.1, 0.1, 0.1]}, "evenly spaced"),
    ],
)
def test_what_has_no_order_is_refused_in_one_line(
    dims: tuple[str, ...], coords: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        from_labels(Labelled(MAPS, dims, coords))
    assert "\n" not in str(refused.value)


def test_an_axis_that_is_both_x_and_y_is_refused() -> None:
    with pytest.raises(ValueError, match="axes of unit, y and x, got unit, x_y: rename them"):
        from_labels(Labelled(MAPS[0], ("unit", "x_y"), {}))


def test_an_array_without_names_is_not_labelled() -> None:
    assert is_labelled(Labelled(MAPS, ("unit", "y", "x"), {}))
    assert not is_labelled(MAPS)
