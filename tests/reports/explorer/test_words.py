"""Words and numbers beside the units are those of the run, whatever it is called and wherever it lies."""

import dataclasses
import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.explorer_runs import config_of, make_run
from tests.reports.pages import embedded
from topogrid.measures.training import CROSS_ENTROPY, LOSS
from topogrid.reports.explorer import words, write_report
from topogrid.reports.explorer.page import contents
from topogrid.reports.explorer.sprites import encode_png
from topogrid.reports.explorer.words import charts, commands, gathered
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path):
    folder = make_run(tmp_path / "long", units=4, steps=(5000,))
    loss = embedded(write_report(folder, config_of(folder)))["charts"][0]["series"][0]
    assert len(loss["steps"]) <= 400
    assert (loss["steps"][0], loss["steps"][-1]) == (1, 5000)


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"outcomes": 3}', '{"outcomes": []}'])
def test_interventions_that_cannot_be_read_are_left_out(tmp_path, text):
    folder = make_run(tmp_path / "spoiled", units=4, steps=(10,))
    path = folder.path / "interventions" / "headline.json"
    path.parent.mkdir()
    path.write_text(text)
    assert contents(folder, config_of(folder))["interventions"] is None


@pytest.mark.parametrize("picture", [None, "../other.png", "nowhere.png", "config.json", 3])
def test_only_a_picture_of_the_run_is_embedded(tmp_path, picture):
    folder = make_run(tmp_path / "run", units=4, steps=(10,))
    (tmp_path / "other.png").write_bytes(encode_png(np.zeros((2, 2), np.uint8)))
    path = folder.path / "interventions" / "headline.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"outcomes": [{"name": "flat", "measured_m": "?"}], "picture": picture}))
    told = contents(folder, config_of(folder))["interventions"]
    assert told["picture"] is None
    assert told["outcomes"][0]["measured_m"] == []


def test_findings_of_an_analysis_of_that_step_come_first(tmp_path):
    folder = make_run(tmp_path / "analysed", units=9, steps=(10,))
    analysis = {"step": 10, "claims": ["Scope: as analysed."], "notes": ["a note"]}
    folder.summary_path.write_text(json.dumps({"validation/trajectory_error_cm": None, "analysis": analysis}))
    inside = contents(folder, config_of(folder))
    assert inside["findings"] == ["Scope: as analysed."]
    assert inside["notes"] == ["a note"]
    folder.summary_path.write_text(json.dumps({"analysis": analysis | {"step": 9}}))
    assert len(contents(folder, config_of(folder))["findings"]) > 1


def test_theory_is_left_out_where_there_is_none(tmp_path):
    folder = make_run(tmp_path / "f", units=4, steps=(10,), DoG=False)
    inside = contents(folder, config_of(folder))
    assert inside["run"]["theory"] is None
    assert not any("theory" in words for _number, words in inside["facts"])
    assert not any("nan" in number for number, _words in inside["facts"])


def test_the_main_numbers_stand_beside_their_baselines(tmp_path):
    folder = make_run(tmp_path / "g", units=16, steps=(10,))
    told = dict(reversed(pair) for pair in contents(folder, config_of(folder))["facts"])
    assert told["error over 20 steps (sitting still 20.0 cm)"] == "5.0 cm"
    assert any("noise" in words and number.endswith(" %") for words, number in told.items())


def test_one_reason_for_several_gaps_is_told_once():
    few = "only 0 grid cells have a spacing, and too few other units a lattice."
    sentences = [
        "Spacing: cannot be said, no grid cell has one.",
        f"Scale clusters: cannot be said, {few}",
        "Path integration: well.",
        f"Map of spacing: cannot be said whether there is one, {few}",
    ]
    told = gathered(sentences)
    assert told == [sentences[0], f"Scale clusters, Map of spacing: cannot be said, {few}", sentences[2]]
    assert gathered([]) == []


def test_of_two_rows_of_one_step_the_later_counts_and_what_is_missing_is_left_out() -> None:
    key = CROSS_ENTROPY.key
    rows = [{"step": 3.0, key: 5.0}, {"step": 1.0, key: 6.0}, {"step": 2.0, key: math.nan}, {"step": 3.0, key: 4.0}]
    (loss,) = charts(rows, chance_loss=6.2)
    (series,) = loss["series"]
    assert (series["steps"], series["values"]) == ([1, 3], [6.0, 4.0])
    assert loss["level"] == {"value": 6.2, "first": 1}
    late = [{"step": 1.0, LOSS.key: 0.1}, {"step": 5.0, LOSS.key: 5.0, key: 5.0}]
    assert charts(late, chance_loss=6.2)[0]["level"] == {"value": 6.2, "first": 5}
    assert charts(late[:1], chance_loss=6.2)[0]["level"] is None  # of a loss that is no cross-entropy
    assert charts([{"step": 1.0}]) == []


@pytest.mark.parametrize("length", [1, 399, 400, 401, 1000, 12_345])
def test_a_thinned_curve_keeps_its_ends_its_order_and_even_gaps(length: int) -> None:
    steps = list(range(0, 3 * length, 3))
    kept = words._thinned(steps)
    assert len(kept) == min(length, 400)
    assert (kept[0], kept[-1]) == (steps[0], steps[-1])
    gaps = np.diff(kept)
    assert gaps.size == 0 or (gaps.min() > 0 and gaps.max() - gaps.min() <= 3)


def test_every_setting_is_told_with_whether_it_was_changed() -> None:
    told = {one["name"]: one for one in words.settings(TrainConfig(tau=True, pc_width=(0.1, 0.2), wandb_tags=()))}
    assert set(told) == {field.name for field in dataclasses.fields(TrainConfig)}
    assert {name for name, one in told.items() if one["changed"]} == {"tau", "pc_width"}
    assert [told[name]["value"] for name in ("tau", "pc_width", "wandb_tags", "DoG")] == ["yes", "0.1 0.2", "-", "yes"]


@pytest.mark.parametrize("name", ["plain", "my run", "a'b", "$(x);y", "*"])
def test_a_command_can_be_pasted_whatever_the_run_is_called(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / name, tmp_path / "imgs")
    folder.path.mkdir()
    folder.config_path.write_text("{}")
    told = commands(folder, TrainConfig(save_dir=str(tmp_path)))
    assert len(told) == 5
    for _what, line in told:
        assert str(folder.path) in shlex.split(line)


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        ("train_grid.py --tau", "python train_grid.py --tau"),
        ("topogrid train --tau", "topogrid train --tau"),
        ("/somewhere/topogrid/__main__.py train --tau", "topogrid train --tau"),
    ],
)
def test_the_command_that_made_a_run_is_told_as_it_is_typed(tmp_path: Path, noted: str, told: str) -> None:
    folder = RunFolder(tmp_path / "run", tmp_path / "imgs")
    folder.path.mkdir()
    folder.config_path.write_text("{}")
    folder.versions_path.write_text(json.dumps({"command": noted}))
    assert commands(folder, TrainConfig(save_dir=str(tmp_path)))[0] == ("made by", told)


def test_without_settings_nothing_can_be_done_with_a_run(tmp_path: Path) -> None:
    assert commands(RunFolder(tmp_path, tmp_path), TrainConfig()) == []


def test_numbers_for_json_have_six_digits_and_no_nan() -> None:
    assert words.finite([1 / 3, math.nan, math.inf, 2e9]) == [0.333333, None, None, 2e9]
