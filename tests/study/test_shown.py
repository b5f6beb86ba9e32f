"""Pictures show what the records hold."""

import numpy as np

from tests.study.made_records import record
from topogrid.study.shown import courses_of, sheets_of, steps_of
from topogrid.study.table import rows_of


def test_courses_hold_a_line_a_network_and_the_better_guess() -> None:
    records = [record("learned", seed) for seed in range(2)] + [record("dense", 0)]
    found = courses_of(rows_of(records), records)
    learned = found[1]
    assert learned.title == "learned, scale left to the drive"
    assert np.shape(learned.without) == np.shape(learned.fed) == (2, 3)
    np.testing.assert_allclose(np.asarray(learned.guess), [5, 50, 90])


def test_sheets_come_in_the_order_of_the_arms_from_records_that_have_units() -> None:
    found = sheets_of([record("attractor", 0), record("learned", 0), record("learned", 1), record("dense", 2)])
    assert [one.title for one in found] == ["learned, scale left to the drive", "attractor, tau"]
    assert np.shape(found[0].tau) == np.shape(found[0].spacing) == (36, 36)
    assert np.isnan(np.asarray(found[0].spacing)).sum() == 1


def test_steps_are_of_the_arms_whose_units_are_shown() -> None:
    (found,) = steps_of([record("attractor", 0), record("attractor", 1), record("dense", 0)])
    assert len(np.unique(np.asarray(found.module_of))) == 9
    assert np.shape(found.tau) == np.shape(found.module_of)
