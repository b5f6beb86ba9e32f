"""Tables of trackers, pandas and spreadsheets are read by their headers, or say which columns they have."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topogrid.world.layout import Layout
from topogrid.world.text_tables import read_table

ROWS = [(0.0, 0.1, 0.2), (0.5, 0.3, -0.4)]
DLC = "scorer,n,n,n\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
SEVERAL = "scorer,n,n,n,n\nindividuals,a,a,b,b\nbodyparts,nose,nose,nose,nose\ncoords,x,y,x,y\n"


def table(separator: str = ",", *, index: bool = False) -> str:
    return "".join(
        separator.join([str(number)] * index + [f"{value}" for value in row]) + "\n" for number, row in enumerate(ROWS)
    )


def read(path: Path, text: str, **layout: Any) -> np.ndarray:
    path.write_text(text, encoding="utf-8")
    samples = read_table(path, Layout(**layout))
    time = np.arange(len(samples.lights[0])) if samples.time is None else samples.time
    return np.column_stack([time, *samples.lights])


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("t,x,y\n" + table(), {}),
        ("\ufeffT, X ,y\r\n" + table().replace("\n", "\r\n"), {}),
        ("timestamps;x;y\n" + table(";"), {}),
        ("time\tx\ty\n" + table("\t"), {}),
        ("t|x|y\n" + table("|"), {"separator": "bar"}),
        ("# t x y\n" + table(" "), {}),
        ("# made by a tracker\n# t x y\n" + table(" "), {}),
        ("t  x   y\n" + table("   "), {}),
        (",t,x,y\n" + table(index=True), {}),
        ("Unnamed: 0,t,x,y\n" + table(index=True), {}),
        ("t;x;y\n" + table(";").replace(".", ","), {}),
        ("t,x,y,speed\n" + table().replace("\n", ",9\n"), {}),
        (table(), {"columns": "1,2,3"}),
        ("when,posX,posY\n" + table(), {"columns": "when,posX,posY"}),
        ("when,a,b\n" + table(), {"columns": ("WHEN", "2", "b")}),
        ('"t","x","y"\n' + table(), {"separator": ","}),
    ],
)
def test_a_table_is_read(tmp_path: Path, text: str, layout: dict[str, Any]) -> None:
    np.testing.assert_array_equal(read(tmp_path / "walk.csv", text, **layout), ROWS)


PAIRS = {
    "lists": "[{x}, {y}]",
    "arrays": "[{x} {y}]",
    "spaced arrays": "[ {x}   {y}]",
    "tuples": "({x}, {y})",
    "numbers of NumPy": "[np.float64({x}), np.float64({y})]",
}


@pytest.mark.parametrize("form", PAIRS)
@pytest.mark.parametrize("columns", [None, "t,pos", "t,pos.x,pos.y"])
def test_a_column_of_pairs_is_x_and_y(tmp_path: Path, form: str, columns: str | None) -> None:
    """Pandas writes the history of an agent of RatInABox so, whose positions are lists."""
    rows = "".join(f'{n},{t},"{PAIRS[form].format(x=x, y=y)}","[9, 9]"\n' for n, (t, x, y) in enumerate(ROWS))
    found = read(tmp_path / "walk.csv", ",t,pos,vel\n" + rows, columns=columns)
    np.testing.assert_array_equal(found, ROWS)


@pytest.mark.parametrize(
    ("cell", "message"),
    [("[0.1]", "line 3 is not numbers"), ("0.1", "line 3 is not numbers"), ("[0.1, 2, 3]", "line 3 is not numbers")],
)
def test_a_row_without_its_pair_is_refused(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "walk.csv", f't,pos\n0,"[1, 2]"\n1,"{cell}"\n')


def test_a_pair_beside_x_and_y_is_left_to_the_reader(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than one place that could be meant; name the columns"):
        read(tmp_path / "walk.csv", 't,pos,x,y\n0,"[1, 2]",1,2\n')


TIDY = "time,agent_id,x,y\n0,Alice,0.35,0.22\n0,Bob,1.0,1.2\n0.5,Alice,0.37,0.25\n0.5,Bob,1.02,1.21\n"


def test_of_several_agents_in_a_table_one_is_to_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    with pytest.raises(ValueError, match=r"^holds 2 walks \(Alice, Bob\); choose one: --agent Alice$"):
        read(path, TIDY)
    with pytest.raises(ValueError, match=r"^holds 2 walks \(Alice, Bob\), none of 'Eve'; name another as --agent$"):
        read(path, TIDY, agent="Eve")
    np.testing.assert_array_equal(read(path, TIDY, agent="Bob"), [[0, 1, 1.2], [0.5, 1.02, 1.21]])
    assert read_table(path, Layout(agent="Bob")).note == "read the 2 rows of Bob, one of 2 walks (Alice, Bob)"


def test_the_only_agent_of_a_table_needs_no_choice(tmp_path: Path) -> None:
    alone = "".join(line + "\n" for line in TIDY.splitlines() if "Bob" not in line)
    np.testing.assert_array_equal(read(tmp_path / "walk.csv", alone), [[0, 0.35, 0.22], [0.5, 0.37, 0.25]])
    with pytest.raises(ValueError, match=r"has t, x, y, no column such as agent_id .* leave --agent out"):
        read(tmp_path / "walk.csv", "t,x,y\n" + table(), agent="Alice")


def test_tables_of_deeplabcut_are_read_by_their_levels(tmp_path: Path) -> None:
    path, body = tmp_path / "walk.csv", "0,1,2,0.9\n1,3,4,0.8\n"
    wanted = [[0, 1, 2], [1, 3, 4]]
    np.testing.assert_array_equal(read(path, DLC + body, rate=30), wanted)
    np.testing.assert_array_equal(read(path, DLC + body, columns="frame,nose.x,nose.y", rate=30), wanted)
    second = read(path, SEVERAL + "0,1,2,5,6\n1,3,4,7,8\n", columns="b.nose.x,b.nose.y", rate=30)
    np.testing.assert_array_equal(second, [[0, 5, 6], [1, 7, 8]])
    for text, layout, message in (
        (DLC + body, {}, "counts 'frame' instead of seconds; give --rate"),
        (SEVERAL + "0,1,2,5,6\n", {"rate": 30}, "a.nose.x, a.nose.y, b.nose.x, b.nose.y: more than one place"),
        (DLC.replace("coords", "other") + body, {"rate": 30}, "begins like a table of DeepLabCut"),
    ):
        with pytest.raises(ValueError, match=message):
            read(path, text, **layout)


def test_what_was_not_seen_is_nan(tmp_path: Path) -> None:
    found = read(tmp_path / "walk.csv", "t,x,y\n0,,1\n1,NA,nan\n2,null,-\n")
    np.testing.assert_array_equal(found, [[0, math.nan, 1], [1, math.nan, math.nan], [2, math.nan, math.nan]])


@pytest.mark.parametrize(
    ("text", "layout", "message"),
    [
        (table(), {}, "line 1 holds numbers where names of columns should be"),
        ("x,y\n1,2\n", {}, "has x, y, but no time; give --rate"),
        ("t,time,x,y\n1,2,3,4\n", {}, "has more than one time, t, time"),
        ("t,x,y,x1,y1\n1,2,3,4,5\n", {}, "more than one place that could be meant; name the columns: --columns"),
        ("t,x,y,x\n1,2,3,4\n", {}, "no x and y that could be meant"),
        ("t,x,y,x\n1,2,3,4\n", {"columns": "t,x,y"}, "2 columns are named 'x'.*give their numbers"),
        ("t,x,y\n1,2,3\n", {"columns": "t,u,v"}, "no column is named 'u'; it has t, x, y"),
        ("t,x,y\n1,2,3\n", {"columns": "x,y"}, "2 columns are 1 place.* without a time"),
        ("t,x;y\n1,2,3\n", {}, "several signs between names; give --separator"),
        ("t,x,y\n1,2\n", {}, "line 2 has 2 values, the header 3 names"),
        ("t,x,y\n1,2,1_000\n", {}, "line 2 is not numbers: '1,2,1_000'"),
        ("t;x;y\n1;2;1,000.5\n", {}, "line 2 is not numbers"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, layout: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "walk.csv", text, **layout)
