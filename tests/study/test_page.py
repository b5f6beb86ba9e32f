"""The study as files: a page that names every arm with its answer, its picture, every number."""

from pathlib import Path

import pytest

from tests.study.made_records import record
from topogrid.study.page import write_study


def test_the_page_answers_for_every_arm(tmp_path: Path) -> None:
    records = [record(arm, seed) for arm in ("dense_tau", "learned") for seed in range(2)]
    written = write_study(records, tmp_path / "study", command="topogrid study")
    page = written.page.read_text()
    assert "4 networks in 2 arms" in page
    assert "| `learned` " in page
    assert "Made by `topogrid study`." in page
    assert {path.name for path in written.pictures} == {"study.png", "errors.png", "sheets.png", "steps.png"}
    assert all(path.stat().st_size > 10_000 for path in written.pictures)
    assert all(f"({path.name})" in page for path in written.pictures)
    assert "is best" in page
    assert "like the animal" in page
    assert len(written.numbers.read_text().splitlines()) == 5


def test_nothing_is_written_without_a_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no record yet"):
        write_study([], tmp_path / "study", command="")
    assert not (tmp_path / "study").exists()
