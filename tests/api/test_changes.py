"""Outcomes are found by name, and what is told of them in a notebook is what was measured."""

import dataclasses
import sys
import types
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.changed_networks import CONFIG, usual_measures
from topogrid.analysis.sheets import module_scales
from topogrid.api.changes import Changes, FollowedWalk
from topogrid.evaluation.followed import Followed
from topogrid.interventions.modules import ModuleOutcome
from topogrid.interventions.paired import paired
from topogrid.interventions.run import Outcome

FOUR = dataclasses.replace(
    CONFIG, n_grid_cells=36, wiring="learned", norm="module", modules_per_side=2, DoG=False, pc_width=(0.3,)
)


def outcome(name: str, error_cm: float) -> Outcome:
    before = usual_measures()
    measures = {"validation/trajectory_error_cm": error_cm}
    return Outcome(name, "", f"About {name}.", "a note", measures, paired(before, before, CONFIG.sheet))


def of_modules(name: str) -> ModuleOutcome:
    before = usual_measures()
    spacing = np.linspace(0.5, 0.8, 36)
    scales = module_scales(spacing, before.tau, FOUR.sheet.module_of, np.ones(36, dtype=bool))
    pair = dataclasses.replace(paired(before, before, FOUR.sheet), spacing_after=spacing)
    return ModuleOutcome(
        name, "", "", scales, scales.spacing, scales.spacing, np.zeros(4), (0.0, 0.0, 0.0), 36, 0.5, pair
    )


@pytest.fixture(scope="module")
def changes() -> Changes[Outcome]:
    return Changes([outcome("baseline", 5.0), outcome("tau_x2", 9.5)], {"box_x2": "a torus has no walls"}, CONFIG)


def test_outcomes_are_found_by_name_in_their_order(changes: Changes[Outcome]) -> None:
    assert len(changes) == 2
    assert [one.name for one in changes] == ["baseline", "tau_x2"]
    assert changes["tau_x2"].measures["validation/trajectory_error_cm"] == 9.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("box_x2", "it was left out: a torus has no walls; there are baseline, tau_x2"),
        ("tau_x3", "no outcome 'tau_x3'; there are baseline, tau_x2"),
    ],
)
def test_one_that_is_not_there_is_refused_with_its_reason(changes: Changes[Outcome], name: str, said: str) -> None:
    with pytest.raises(KeyError, match=said):
        changes[name]


def test_tables_hold_a_row_an_outcome(changes: Changes[Outcome]) -> None:
    columns, rows = changes.table
    assert [row[0] for row in rows] == ["baseline", "tau_x2"]
    assert "9.5" in rows[1]
    assert len(columns) == len(rows[0])
    assert [line.split()[0] for line in repr(changes).splitlines()] == ["intervention", "baseline", "tau_x2"]
    assert changes._repr_markdown_().count("\n") == 4


def test_modules_have_tables_of_their_own() -> None:
    changes = Changes([of_modules("baseline"), of_modules("tau_flat")], {}, FOUR)
    columns, rows = changes.table
    assert columns[:2] == ["intervention", "spacing m"]
    assert [row[0] for row in rows] == ["baseline", "tau_flat"]
    assert isinstance(changes.picture.figure, Figure)


def test_pandas_gets_every_measure_where_it_is_there(
    changes: Changes[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: Any = types.ModuleType("pandas")
    fake.DataFrame = lambda rows, columns=None: (rows, columns)
    monkeypatch.setitem(sys.modules, "pandas", fake)
    rows, _columns = changes.to_pandas()
    assert rows[1] == {"name": "tau_x2", "note": "a note", "validation/trajectory_error_cm": 9.5}
    rows, columns = Changes([of_modules("baseline")], {}, FOUR).to_pandas()
    assert (rows[0][0], columns[0]) == ("baseline", "intervention")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        changes.to_pandas()


def walk_of(name: str) -> FollowedWalk:
    error, place = np.full((1, 5), 3.0), np.zeros((1, 5, 2))
    pieces = Followed(0.02 * np.arange(1, 6), place, place, error, 2 * error, 9 * error)
    return FollowedWalk(name, 0.1, pieces, CONFIG)


def test_a_followed_walk_tells_its_errors() -> None:
    walk = walk_of("rat")
    assert walk.summary["mean_error_cm"] == 3
    assert repr(walk).startswith("Followed rat for 0 s, told the place once.\n")
    assert walk.picture.name == "follow rat"
    assert walk._repr_png_().startswith(b"\x89PNG")


def test_the_name_of_a_walk_does_not_move_the_cursor() -> None:
    walk = walk_of("a\x1b[2J\nb")
    lines = repr(walk).splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("Followed a\\x1b[2J\\nb for 0 s")
    assert repr(walk.picture).isprintable()
    assert "follows a\\x1b[2J\\nb\n" in walk.picture.figure.get_suptitle()
