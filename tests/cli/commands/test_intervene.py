"""What is changed is what was asked for: named interventions, chosen units, all modules, or the whole table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from tests.quick_evaluations import few_surrogates
from topogrid.cli.main import main
from topogrid.interventions.catalogue import INTERVENTIONS
from topogrid.interventions.run import BASELINE, HIDDEN


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with few_surrogates():
        yield


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Measure nothing; return what would be shown."""
    calls: list[tuple[Any, ...]] = []

    def table(condition: Any, wanted: Any, chosen: Any, folder: Any) -> None:
        calls.append(("table", list(wanted), list(chosen), folder.path.name, condition.config))

    def headline(condition: Any, folder: Any) -> None:
        calls.append(("headline", folder.path.name))

    monkeypatch.setattr("topogrid.cli.interventions.show_table", table)
    monkeypatch.setattr("topogrid.cli.interventions.show_headline", headline)
    return calls


def test_without_a_name_a_sheet_with_modules_has_a_headline_and_another_its_table(
    desk: Path, shown: list[tuple[Any, ...]]
) -> None:
    assert main(["intervene", "learned"]) == 0
    assert main(["intervene", "dense"]) == 0
    assert shown[0] == ("headline", "learned")
    assert shown[1][:4] == ("table", list(INTERVENTIONS), [], "dense")


def test_names_units_and_settings_are_passed_on(desk: Path, shown: list[tuple[Any, ...]]) -> None:
    words = ["--only", "speed_x2", "tau_x1.10", "--silence", "3-5", "--eval_walks", "4", "--eval-bins", "9"]
    assert main(["intervene", "learned", *words]) == 0
    (_kind, wanted, chosen, _name, config) = shown[0]
    assert (wanted, chosen) == (["speed_x2", "tau_x1.1"], [3, 4, 5])
    assert (config.eval_walks, config.eval_bins) == (4, 9)


def test_an_unknown_name_exits_2_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intervene", "nowhere", "--only", "lesion"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in INTERVENTIONS)


def test_chosen_units_are_silenced_beside_their_control(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topogrid.interventions.files.draw_outcomes", lambda *_: Figure())
    assert main(["intervene", "dense", "--silence", "0", "3-5", "--eval_walks", "4"]) == 0
    record = json.loads((desk / "dense" / "interventions" / "silence_chosen.json").read_text())
    assert [one["name"] for one in record["outcomes"]] == [BASELINE, "silence_chosen", f"silence_chosen{HIDDEN}"]
    assert "4 of 16 units silenced" in record["outcomes"][1]["note"]
    assert main(["intervene", "dense", "--silence", "16"]) == 2
    assert "units to silence must be 0 to 15" in capsys.readouterr().err
