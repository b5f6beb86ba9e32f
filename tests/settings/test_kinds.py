"""Text becomes a value of its kind or is refused, and a value of another type never passes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topogrid.settings.kinds import OF_TYPE, Bounds


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_come_back_from_their_text_however_it_is_written(number: int) -> None:
    kind = OF_TYPE[int]
    assert kind.from_text(str(number)) == number
    assert kind.from_text(f"{number}.0") == number
    assert isinstance(kind.from_text(f"{number}.0"), int)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_from_their_text_and_pass(number: float) -> None:
    kind = OF_TYPE[float]
    assert kind.check(kind.from_text(repr(number))) == number


@pytest.mark.parametrize(("text", "number"), [("1e5", 100_000), ("1500.0", 1500), ("-3", -3)])
def test_whole_numbers_may_be_written_as_sweeps_do(text: str, number: int) -> None:
    assert OF_TYPE[int].from_text(text) == number


@pytest.mark.parametrize("text", ["10.5", "nan", "inf", "", "1e400", "ten"])
def test_text_that_is_no_whole_number_is_none(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        OF_TYPE[int].from_text(text)


WRONG: list[Any] = [None, "1", 1.5, math.nan, math.inf, 10**400, True, [True], ["1"], {}, "a\nb", "x" * 5000, "\ud800"]
PASSES: dict[Any, list[Any]] = {
    bool: [True], int: [10**400], float: [1.5], str: ["1"], tuple[float, float]: [1.5], tuple[float, ...]: [1.5],
    tuple[int, ...]: [10**400], tuple[str, ...]: [["1"]], int | str: [10**400], bool | str: [True],
}  # fmt: skip


@pytest.mark.parametrize("annotated", OF_TYPE, ids=str)
def test_only_values_of_a_kind_pass(annotated: Any) -> None:
    """True is no number and 1 is no yes; nothing is parsed, rounded or cut to fit."""
    kind = OF_TYPE[annotated]
    for value in WRONG:
        try:
            kind.check(value)
        except (TypeError, ValueError, OverflowError):
            assert value not in PASSES[annotated]
        else:
            assert value in PASSES[annotated], value


def test_one_side_of_a_box_stands_for_both_and_three_are_refused() -> None:
    box = OF_TYPE[tuple[float, float]]
    assert box.check(2) == box.check([2.0]) == (2.0, 2.0)
    with pytest.raises(ValueError, match="too many values"):
        box.check([1, 2, 3])


@pytest.mark.parametrize(
    ("word", "means"), [(None, True), ("True", True), (" yes ", True), ("1", True), ("NO", False), ("0", False)]
)
def test_a_switch_is_read_as_people_write_it(word: str | None, means: bool) -> None:
    for annotated in (bool, bool | str):
        assert OF_TYPE[annotated].from_text(word) is means
    with pytest.raises(KeyError):
        OF_TYPE[bool].from_text("perhaps")


@pytest.mark.parametrize("annotated", [int | str, bool | str], ids=str)
def test_auto_is_a_value_where_it_may_be_one(annotated: Any) -> None:
    assert OF_TYPE[annotated].check(OF_TYPE[annotated].from_text("auto")) == "auto"
    with pytest.raises(TypeError):
        OF_TYPE[annotated].check("Auto")


@given(st.floats(-10, 10), st.booleans())
def test_bounds_admit_their_ends_unless_the_lower_is_open(value: float, open_low: bool) -> None:
    bounds = Bounds(-1, 2, open_low=open_low)
    assert bounds.admit(value) is ((value > -1 if open_low else value >= -1) and value <= 2)
    assert bounds.admit(-1) is not open_low
    assert bounds.admit(2)
    assert str(bounds) == ("above -1 and at most 2" if open_low else "-1 to 2")
