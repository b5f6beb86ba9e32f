"""A table of units is an array with named columns."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from topogrid.api.units import as_units, read_units_csv
from topogrid.tables import to_csv

COLUMNS = ["unit", "row", "col", "module", "tau_steps", "score_60", "grid_cell", "spacing_m"]
ROWS = [[0, 0, 0, 0, 1.5, 0.25, 1, 0.75], [1, 0, 1, 0, 2.5, float("nan"), 0, float("nan")]]


def test_columns_have_their_kinds_and_rows_their_units() -> None:
    units = as_units(COLUMNS, ROWS)
    assert units["unit"].dtype == np.int64
    assert units["grid_cell"].tolist() == [True, False]
    assert units["spacing_m"][0] == 0.75
    assert np.isnan(units["score_60"][1])
    assert units[units["grid_cell"]]["tau_steps"].tolist() == [1.5]
    assert len(units) == 2


def test_what_a_run_wrote_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(to_csv(COLUMNS, ROWS))
    again = read_units_csv(path)
    for name in COLUMNS:
        np.testing.assert_array_equal(again[name], as_units(COLUMNS, ROWS)[name])


@pytest.mark.parametrize("text", ["unit,row\n1\n", "unit,row\n1,x\n", ""])
def test_what_is_no_table_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 -- of several wordings
        read_units_csv(path)


def test_pandas_takes_it_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    units = as_units(COLUMNS, ROWS)
    fake = types.ModuleType("pandas")
    fake.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", fake)
    frame = units.to_pandas()
    assert list(frame) == COLUMNS
    assert frame["row"].tolist() == [0, 0]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        units.to_pandas()


def test_a_printed_table_names_its_columns() -> None:
    columns = ["unit", "tau_ms", "grid_cell"]
    few = repr(as_units(columns, [[0, 20.123456, 1.0], [1, float("nan"), 0.0]]))
    assert few.splitlines()[0].split() == columns
    assert few.splitlines()[1].split() == ["0", "20.1", "True"]
    assert few.splitlines()[-1] == "2 units"
    many = str(as_units(columns, [[unit, 1.0, 0.0] for unit in range(1296)]))
    shown = [line.split()[0] for line in many.splitlines()[1:-1]]
    assert shown == ["0", "1", "2", "3", "4", "...", "1291", "1292", "1293", "1294", "1295"]
    assert many.endswith("1,296 units")
    assert "tau_ms" not in repr(as_units(columns, [[0, 20.0, 1.0]])["tau_ms"])
