"""Columns are found by name or number, and what could be several is asked for."""

import pytest

from topogrid.world.columns import Columns, arranged, choose


def test_columns_are_found_by_name_and_number() -> None:
    names = ["", "T", "x1", "y1", "x2", "y2"]
    assert choose(names, None, rated=False) == Columns(1, ((2, 3), (4, 5)))
    assert choose(names, ["t", "x2", "y2"], rated=False) == Columns(1, ((4, 5),))
    assert choose(names, ["2", "3", "4"], rated=False) == Columns(1, ((2, 3),))
    assert choose(names[2:4], None, rated=True) == Columns(None, ((0, 1),))


@pytest.mark.parametrize("count", [0, 1, 2, 4, 6])
def test_other_numbers_of_columns_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="columns"):
        arranged(range(count), rated=False)
