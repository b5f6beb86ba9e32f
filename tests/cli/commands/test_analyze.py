"""What is measured again is what was asked for, all of it is said, and no name of a file moves the cursor."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.quick_evaluations import few_surrogates
from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.cli.main import main
from topogrid.interventions.catalogue import INTERVENTIONS

QUICK = ("--eval_walks", "6", "--long_walks", "3", "--long_seconds", "0.4")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with few_surrogates():
        yield


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing and write no page: they take longer than measuring so few units."""
    monkeypatch.setattr("topogrid.evaluation.reanalysis.draw_evaluation", lambda *_, **__: {})
    monkeypatch.setattr("topogrid.reports.explorer.write_report", lambda folder, _config: folder.report)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Intervene in nothing; return what would be done."""
    calls: list[tuple[Any, ...]] = []

    def table(condition: Any, wanted: Any, chosen: Any, _folder: Any) -> None:
        calls.append((condition.config.eval_bins, list(wanted), list(chosen)))

    monkeypatch.setattr("topogrid.cli.interventions.show_table", table)
    return calls


def test_claims_and_shares_are_said_and_files_named(
    desk: Path, tables: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "dense", *QUICK, "--bins", "9", "8"]) == 0
    said = capsys.readouterr()
    assert "lets a person say, at 9 bins:\n\n* Path integration: " in said.out
    assert [line.split()[0] for line in said.out.strip().splitlines()[-3:]] == ["bins", "9", "8"]
    assert "8/8 long walks, 8 bins: " in said.err
    assert "Units: dense/units.csv" in said.err
    assert tables == []


@pytest.mark.parametrize(
    ("words", "wanted", "chosen"),
    [
        (["--intervene"], list(INTERVENTIONS), []),
        (["--intervene", "speed_x2", "tau_flat"], ["tau_flat", "speed_x2"], []),
        (["--silence", "2", "4-5"], [], [2, 4, 5]),
    ],
)
def test_interventions_follow_at_the_first_number_of_bins(
    words: list[str], wanted: list[str], chosen: list[int], desk: Path, tables: list[tuple[Any, ...]]
) -> None:
    assert main(["analyze", "dense", *QUICK, "--bins", "7", *words]) == 0
    assert tables == [(7, wanted, chosen)]


def test_no_name_of_a_file_moves_the_cursor(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2J\nb.safetensors"
    shutil.copy(DATA / KEPT_VERSION / "dense.safetensors", desk / name)
    assert main(["analyze", name, *QUICK]) == 0
    said = capsys.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    assert "What a\\x1b[2J\\nb.safetensors lets a person say" in said.out


def test_a_file_that_knows_its_task_takes_no_other(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(desk.rglob("*"))
    assert main(["analyze", "dense", "--no-DoG"]) == 2
    assert "dense knows its own DoG; leave --DoG out" in capsys.readouterr().err
    assert sorted(desk.rglob("*")) == before
