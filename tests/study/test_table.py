"""An arm over its seeds: figures with intervals, and an answer that can be no."""

import math

import pytest

from tests.study.made_records import record
from topogrid.study.table import QUANTITIES, as_csv, rows_of, table, told, verdict


def answer(arm: str = "learned", n: int = 3, **kind: object) -> str:
    (row,) = rows_of([record(arm, seed, **kind) for seed in range(n)])
    return verdict(row)


def test_a_known_power_is_given_back_with_its_interval() -> None:
    (row,) = rows_of([record("learned", seed, power=0.8) for seed in (2, 0, 1)])
    slope = row.values["slope on tau"]
    assert row.seeds == (0, 1, 2)
    assert slope.n == 3
    assert slope.low < 0.8 < slope.high
    assert slope.mean == pytest.approx(0.8, abs=0.01)
    assert row.values["tau x1.25"].mean == pytest.approx(1.25)
    assert row.each["10 s cm"] == [7.0, 8.0, 9.0]


def test_each_given_the_other() -> None:
    (row,) = rows_of([record("both", seed, gain_power=-1.0, tau=[2.0, 4.0, 3.0, 2.5, 3.5]) for seed in range(3)])
    assert row.values["slope on tau"].mean == pytest.approx(1.0, abs=0.02)
    assert row.values["slope on gain"].mean == pytest.approx(-1.0, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ({}, "Sets: "),
        ({"n": 1}, "No answer: one network is no sample."),
        ({"cells": 0.1}, "No scale to set: 10 % of units are grid cells"),
        ({"power": 0.0}, "Does not set: the slope of spacing on tau is"),
        ({"asked": 0.1}, "Does not set: spacing follows 9 % of a change of tau"),
        ({"arm": "learned_blind", "power": 0.1}, "Does not set: the slope of spacing on tau is 0.10 (0.1"),
        ({"flat": 0.9}, "Sets it beside something else"),
        (
            {"arm": "gain", "tau": [3.0] * 5, "gain_power": -1.0},
            "No tau to set it: all time constants are equal. Spacing goes as gain",
        ),
    ],
)
def test_the_answer_follows_from_the_figures(kind: dict, begins: str) -> None:
    assert answer(**kind).startswith(begins)


def test_gain_that_training_made_of_tau_is_a_part_of_what_tau_does() -> None:
    """Where gain is not laid out, the slope is on tau alone, however tau and gain go together."""
    (row,) = rows_of([record("learned_blind", seed, gain_power=-1.0, power=1.0) for seed in range(3)])
    # Gain falls as tau rises: from 2 to 1 while tau doubles.
    assert row.values["slope on tau"].mean == pytest.approx(2.0, abs=0.1)
    assert not row.values["slope on gain"].n
    assert "training made up for tau" in answer("learned_blind", power=0.0)


def test_intervals_end_where_shares_do() -> None:
    (row,) = rows_of([record("learned", seed, cells=cells) for seed, cells in enumerate((0.8, 1.0, 1.0))])
    assert row.values["gate %"].high == 100
    (row,) = rows_of([record("learned", seed, cells=cells) for seed, cells in enumerate((0.0, 0.0, 0.1))])
    assert row.values["gate %"].low == 0


def test_what_is_by_construction_is_said() -> None:
    assert "by construction" in answer("learned_asked")
    assert "Lattices are wired." in answer("attractor")
    assert "construction" not in answer("learned")


def test_tables_hold_every_figure_of_every_network() -> None:
    rows = rows_of([record(arm, seed) for arm in ("learned", "attractor") for seed in range(2)])
    columns, body = table(rows)
    assert columns == ["", "learned", "attractor"]
    assert [line[0] for line in body] == ["networks", *(one.name for one in QUANTITIES)]
    names, numbers = as_csv(rows)
    assert len(numbers) == 4
    assert all(len(line) == len(names) for line in numbers)


def test_what_has_no_value_is_told_as_such() -> None:
    (row,) = rows_of([record("learned", 0)])
    assert told(row.values["speed x2"], 2) == "-"
    assert math.isnan(row.each["25 best"][0])
