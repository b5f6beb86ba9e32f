"""Every file of a run is read as far as it is one; what is not costs itself and a note."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from topogrid.reading import UnreadableError
from topogrid.reports.run_files import read_headline, read_rows, read_summary, read_units_table, read_versions


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_and_a_torn_last_line_is_left_out_in_silence(tmp_path: Path) -> None:
    path = written(tmp_path / "metrics.jsonl", '{"step": 1, "a": 2}\n{"step": 2, "a": null}\n{"step": 3, "a"')
    notes: list[str] = []
    first, second = read_rows(path, notes)
    assert first == {"step": 1.0, "a": 2.0}
    assert math.isnan(second["a"])
    assert notes == []


@pytest.mark.parametrize(
    "line", ["", "[1]", "{}", '{"step": -1}', '{"step": 1.5}', '{"step": "1"}', '{"step": 1e12}', '{"step": true}', "x"]
)
def test_a_line_that_is_no_row_is_counted(tmp_path: Path, line: str) -> None:
    notes: list[str] = []
    rows = read_rows(written(tmp_path / "metrics.jsonl", f'{{"step": 1}}\n{line}\n{{"step": 2}}\n'), notes)
    assert [row["step"] for row in rows] == [1, 2]
    assert notes == ["metrics.jsonl has 1 lines that are no rows of metrics and are left out"]


def test_values_that_are_no_numbers_cost_themselves(tmp_path: Path) -> None:
    notes: list[str] = []
    (row,) = read_rows(written(tmp_path / "metrics.jsonl", '{"step": 1, "a": "x", "b": [1], "c": 4}\n'), notes)
    assert (row["step"], row["c"]) == (1.0, 4.0)
    assert math.isnan(row["a"])
    assert math.isnan(row["b"])
    assert notes == ["metrics.jsonl has 2 values that are no numbers and are left out"]


def test_old_names_come_as_new_ones_in_rows_and_summary(tmp_path: Path) -> None:
    text = '{"step": 1, "validation/lattices/n_modules": 3}'
    new = "validation/lattices/n_scale_clusters"
    assert read_rows(written(tmp_path / "m.jsonl", text + "\n"), [])[0][new] == 3
    assert read_summary(written(tmp_path / "s.json", text), []).numbers[new] == 3


def test_a_summary_keeps_of_an_analysis_what_settings_can_be(tmp_path: Path) -> None:
    analysis = {
        "step": 300, "claims": ["a", 3], "notes": "none",
        "settings": {"a": 1, "b": [1, 2], "c": [[1]], "d": {}, "e": None, "f": "x", "g": True},
    }  # fmt: skip
    notes: list[str] = []
    path = written(tmp_path / "summary.json", json.dumps({"x": 1.5, "analysis": analysis}))
    numbers, found = read_summary(path, notes)
    assert numbers == {"x": 1.5}
    assert found is not None
    assert (found.step, found.claims, found.notes) == (300, ["a"], [])
    assert found.settings == {"a": 1, "b": [1, 2], "f": "x", "g": True}
    assert notes == ["summary.json, analysis: notes is a text, which is left out"]


def test_what_is_not_there_is_empty_and_what_is_broken_is_told(tmp_path: Path) -> None:
    notes: list[str] = []
    assert read_summary(tmp_path / "summary.json", notes) == ({}, None)
    assert read_versions(tmp_path / "versions.json", notes) == {}
    assert read_headline(tmp_path / "headline.json") == ([], "")
    assert notes == []
    assert read_summary(written(tmp_path / "summary.json", "{"), notes) == ({}, None)
    (note,) = notes
    assert note.startswith("left out: summary.json is not JSON")


def test_versions_are_words(tmp_path: Path) -> None:
    path = written(tmp_path / "versions.json", '{"torch": "2.13", "n": 3, "list": [1]}')
    assert read_versions(path, []) == {"torch": "2.13", "n": "3", "list": "unknown"}


def test_a_table_of_numbers_has_nan_where_a_cell_says_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "units.csv", "\ufeffunit,spacing_m\n0,0.5\n1,\n2,inf\n")
    table = read_units_table(path)
    assert list(table) == ["unit", "spacing_m"]
    np.testing.assert_array_equal(table["spacing_m"], [0.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no table of numbers"),
        ("unit,a\n", "has rows that are not of its 2 columns, or none"),
        ("unit,a\n1\n", "has rows that are not of its 2 columns"),
        ("unit,a\n1,x\n", "is no table of numbers: could not convert"),
        ('unit,a\n"1,2\n', "is no table of numbers"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UnreadableError, match=told) as refused:
        read_units_table(written(tmp_path / "units.csv", text))
    assert "\n" not in str(refused.value)
