"""A change looks like the knock-out only if all modules grow, their gradient stays and so do grid cells."""

import math

import numpy as np
import pytest

from tests.study.made_records import record
from topogrid.study.knock_out import Likeness, knock_out_table, likeness


def changed(factor: float | np.ndarray, *, spread: float = 1.0, cells: float = 1.0, arm: str = "learned") -> dict:
    made = record(arm, 0)
    before = made["changes"]["baseline"]
    after = {
        **before,
        "spacing": list(np.array(before["spacing"]) * factor),
        "between": before["between"] * spread,
        "share_above_0.8": before["share_above_0.8"] * cells,
    }
    made["changes"]["tau_x1.3"] = after
    return made


@pytest.mark.parametrize(
    ("made", "alike"),
    [
        (changed(1.3), True),
        (changed(1.0), False),
        (changed(np.array([1.3, 1.3, 1.3, 1.3, 0.9])), False),
        (changed(1.3, spread=0.1), False),
        (changed(1.3, spread=2.0), False),
        (changed(1.3, cells=0.5), False),
        (changed(1.3, spread=1.1, cells=0.9), True),
    ],
)
def test_all_three_have_to_be_as_in_the_animal(made: dict, alike: bool) -> None:
    found = likeness(made, "tau_x1.3")
    assert found is not None
    assert found.alike is alike


def test_modules_that_lose_their_spacing_did_not_grow() -> None:
    found = likeness(changed(np.array([1.3, 1.3, 1.3, math.nan, math.nan])), "tau_x1.3")
    assert found is not None
    assert found.larger == pytest.approx(0.6)


def test_where_there_was_no_gradient_or_no_grid_cell_there_is_no_answer() -> None:
    for nothing in (record("learned", 0, power=0.0), record("learned", 0, cells=0.1)):
        found = likeness(nothing, "tau_x1.3")
        assert found is not None
        assert found.alike is None


def test_what_is_not_known_is_no_answer() -> None:
    assert Likeness(1.0, math.nan, 1.0).alike is None
    assert likeness(record("learned", 0), "speed_x2") is None


def test_the_table_counts_networks() -> None:
    columns, body = knock_out_table([changed(1.3), changed(1.0), changed(1.3, arm="attractor")])
    assert columns[-1] == "like the animal"
    by_arm = {(line[0], line[1]): line[2:] for line in body}
    assert by_arm["learned", "tau_x1.3"] == ["50", "100", "100", "1 of 2"]
    assert by_arm["attractor", "tau_x1.3"][-1] == "1 of 1"
    assert by_arm["learned", "tau_flat"][-1] == "0 of 2"
