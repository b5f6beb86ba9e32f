"""Runs are found and read whatever state their folders are in, and a broken one costs no other."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.made_runs import change_settings, made_run, six_runs
from topogrid.cli.main import main
from topogrid.reports.comparison.comparison import compare
from topogrid.reports.records import find_runs, list_table, read_evaluation, read_record, read_units
from topogrid.tables import to_text


def test_runs_are_found_by_their_folder_and_by_the_folder_that_holds_them(tmp_path: Path) -> None:
    runs = six_runs(tmp_path / "runs")
    (tmp_path / "runs" / "notes").mkdir()
    by_parent, by_name = find_runs([tmp_path / "runs"]), find_runs(runs)
    assert [one.name for one in by_parent.records] == [one.name for one in by_name.records]
    assert len(find_runs([tmp_path / "runs", *runs]).records) == 6, "each counts once"
    assert by_parent.broken == by_parent.empty == []
    assert find_runs([tmp_path / "runs" / "notes"]).empty == [tmp_path / "runs" / "notes"]


def test_a_published_record_is_read_by_both_of_its_folders(tmp_path: Path) -> None:
    run = made_run(tmp_path / "pictures" / "mine" / "record")
    shutil.rmtree(run / "evaluation")
    for path in (run, run.parent):
        (record,) = find_runs([path]).records
        assert record.name == "mine"
        assert record.measures["validation/trajectory_error_cm"] == 10.0
    arrays, note = read_evaluation(record, ("decoding/seconds",))
    assert arrays == {}
    assert "no evaluation/" in note
    assert read_units(record)[0]["tau_steps"].size == 64


@pytest.mark.parametrize("missing", ["nowhere", "a_file"])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "a_file").touch()
    with pytest.raises(ValueError, match=r"give folders of runs"):
        find_runs([tmp_path / missing])


def test_broken_runs_are_named_with_the_reason_and_cost_no_other(tmp_path: Path) -> None:
    for name in ("empty", "torn", "other_format", "bad_value", "fine"):
        made_run(tmp_path / name)
    (tmp_path / "empty" / "config.json").unlink()
    (tmp_path / "torn" / "config.json").write_text('{"format": 1, "st')
    change_settings(tmp_path / "other_format", format=7)
    change_settings(tmp_path / "bad_value", n_grid_cells=10)
    found = find_runs([tmp_path])
    assert [one.name for one in found.records] == ["fine"]
    reasons = {one.path.name: one.reason for one in found.broken}
    assert "no config.json" in reasons["empty"]
    assert "not JSON" in reasons["torn"]
    assert "format 1" in reasons["other_format"]
    assert "square number" in reasons["bad_value"]
    assert not any("\n" in reason for reason in reasons.values())


def test_settings_of_other_versions_are_read_with_a_note(tmp_path: Path) -> None:
    run = made_run(tmp_path / "old")
    change_settings(run, activity_cost=None, figure_format=None, unknown_setting=3)
    record = read_record(run)
    assert record.unknown == {"activity_cost"}
    assert len(record.notes) == 2, "a setting that changes no number may be missing"
    assert "activity_cost" in record.notes[0]
    assert "unknown_setting" in record.notes[1]


@pytest.mark.parametrize("broken", ["metrics.jsonl", "summary.json", "units.csv", "evaluation/step_00000300.npz"])
def test_a_damaged_file_leaves_the_rest_readable(tmp_path: Path, broken: str) -> None:
    run = made_run(tmp_path / "run")
    (run / broken).write_bytes(b"\x00damaged\n\n")
    record = read_record(run)
    notes = [*record.notes, read_units(record)[1], read_evaluation(record, ("decoding/seconds",))[1]]
    assert any(Path(broken).name in note for note in notes)
    assert record.measures["validation/trajectory_error_cm"] == 10.0


def test_units_are_read_from_the_evaluation_where_there_is_no_table(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / "units.csv").unlink()
    arrays = {"tau": 1 + np.arange(64.0), "settled/score_60": np.ones(64), "settled/spacing": np.full(64, np.nan)}
    np.savez(run / "evaluation" / "step_00000300.npz", **arrays)
    columns, note = read_units(read_record(run))
    assert note == ""
    np.testing.assert_array_equal(columns["tau_steps"], 1 + np.arange(64))


def test_a_summary_from_before_a_resume_does_not_hide_what_came_after(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / "summary.json").write_text(json.dumps({"train/steps_done": 100, "validation/trajectory_error_cm": 50.0}))
    record = read_record(run)
    assert record.measured_step == 300
    assert record.measures["validation/trajectory_error_cm"] == 10.0


def test_what_was_measured_again_replaces_what_training_measured(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["validation/trajectory_error_cm"] = 9.0
    summary["analysis"] = {"step": 300, "settings": {"eval_bins": 32}}
    (run / "summary.json").write_text(json.dumps(summary))
    record = read_record(run)
    assert record.measures["validation/trajectory_error_cm"] == 9.0
    assert record.measured_with == {"eval_bins": 32}


def test_state_tells_running_stopped_and_finished_apart(tmp_path: Path) -> None:
    finished, halfway = made_run(tmp_path / "finished"), made_run(tmp_path / "halfway")
    change_settings(halfway, steps=1000)
    (halfway / "summary.json").unlink()
    assert read_record(finished).state() == "finished"
    assert read_record(halfway).state() == "running"
    assert read_record(halfway).state(now=time.time() + 3600) == "stopped"
    (halfway / "summary.json").write_text(json.dumps({"train/steps_done": 300}))
    assert read_record(halfway).state() == "stopped", "a signal ends a run by writing its summary"


def test_the_list_is_sorted_by_date_and_shows_shares_beside_their_null(tmp_path: Path) -> None:
    late, early = made_run(tmp_path / "a-late"), made_run(tmp_path / "b-early", slope=0.1, seed=4)
    metrics = late / "metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"time": 1000000', '"time": 2000000'))
    columns, rows = list_table(find_runs([tmp_path]))
    assert [row[0] for row in rows] == ["b-early", "a-late"]
    told = dict(zip(columns, rows[0], strict=True))
    assert (told["mode"], told["units"], told["seed"], told["steps"]) == ("tau", "64", "4", "300/300")
    assert (told["error cm"], told["GS > 0.3 % (null)"], told["state"]) == ("10.0", "40.0 (30.0)", "finished")
    assert early.name == told["name"]


def test_a_run_that_has_measured_nothing_yet_is_listed(tmp_path: Path) -> None:
    run = made_run(tmp_path / "young")
    for name in ("metrics.jsonl", "summary.json", "units.csv"):
        (run / name).unlink()
    os.utime(run / "config.json", (1e9, 1e9))
    (row,) = list_table(find_runs([tmp_path]))[1]
    assert row[4:7] == ["0/300", "-", "-"]


def test_numbers_of_an_older_version_come_by_the_names_they_have_now(tmp_path: Path) -> None:
    run = made_run(tmp_path / "old")
    summary = json.loads((run / "summary.json").read_text()) | {
        "validation/n_modules": 3,
        "validation/module_ratio": 1.4,
    }
    (run / "summary.json").write_text(json.dumps(summary))
    measures = read_record(run).measures
    assert measures["validation/n_scale_clusters"] == 3
    assert measures["validation/scale_cluster_ratio"] == 1.4
    assert "validation/n_modules" not in measures


# --- files of others ---

DEEP = "[" * 20_000 + "]" * 20_000
BAD_VALUES = ["x", [1], {}, True, DEEP, [[1]], {"a": {"b": [1]}}, 1e300, -1, 10**30, "\x1b]0;x\x07"]
TRACKED = ("step", "time", "train/total_loss", "tau/mean", "validation/share_above_0.3", "train/steps_done")


def with_row(run: Path, row: str) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(row + "\n")


def told_of(run: Path) -> tuple[list[str], str]:
    """Return the rows of `list` and everything else that is said of the folder."""
    found = find_runs([run.parent])
    columns, rows = list_table(found)
    notes = [note for record in found.records for note in record.damage]
    notes += [one.reason for one in found.broken]
    text = to_text(columns, rows)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    return [row[0] for row in rows], "\n".join(notes)


@pytest.mark.parametrize("key", TRACKED)
def test_a_row_of_any_kind_costs_only_itself(tmp_path: Path, key: str) -> None:
    run, other = made_run(tmp_path / "runs" / "b"), made_run(tmp_path / "runs" / "c", seed=1)
    good = read_record(run).measures
    for value in BAD_VALUES:
        line = DEEP if value is DEEP else json.dumps({"step": 300, "time": 1.0, key: value})
        with_row(run, line)
    with_row(run, '{"step": Infinity}')
    with_row(run, '{"time": 1e999, "step": 300, "validation/share_above_0.3": null}')
    names, _notes = told_of(run)
    assert sorted(names) == ["b", "c"]
    record = read_record(run)
    assert record.damage
    assert record.measures["validation/trajectory_error_cm"] == good["validation/trajectory_error_cm"]
    assert record.steps_done == 300 or key == "step"
    assert all(isinstance(number, float) for row in record.rows for number in row.values())
    assert len(compare([record, read_record(other)], np.random.default_rng(0), by=["seed"]).groups) >= 1


@pytest.mark.parametrize(
    "summary",
    [
        {"analysis": {"step": 6, "settings": [1, 2]}},
        {"analysis": {"step": 300}},
        {"analysis": {"step": 300, "claims": None, "notes": "x"}},
        {"analysis": {"step": 300, "settings": {"eval_bins": {"a": 1}, "eval_walks": [[1]], "dt": "x"}}},
        {"analysis": [1]},
        {"analysis": {"step": [1]}},
        {"validation/share_above_0.3": "much", "train/steps_done": "x"},
        {"train/steps_done": 1e999},
        {"train/steps_done": [300], "validation/trajectory_error_cm": {"a": 1}},
        [1],
        None,
    ],
)
def test_a_summary_of_any_kind_ends_no_table(tmp_path: Path, summary: object) -> None:
    run, other = made_run(tmp_path / "runs" / "b"), made_run(tmp_path / "runs" / "c", seed=1)
    (run / "summary.json").write_text(json.dumps(summary))
    assert sorted(told_of(run)[0]) == ["b", "c"]
    record = read_record(run)
    assert compare([record, read_record(other)], np.random.default_rng(0)).groups
    assert record.measures["validation/trajectory_error_cm"] == 10.0


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json", "versions.json", "config.json", "units.csv"])
@pytest.mark.parametrize("content", [DEEP, "\0" * 9, "{", "\ufeff{", '"text"', "1e999", "[]\n" * 3, "\udcff"])
def test_any_content_of_any_file_is_told_and_costs_no_other_run(tmp_path: Path, name: str, content: str) -> None:
    run, _other = made_run(tmp_path / "runs" / "b"), made_run(tmp_path / "runs" / "c")
    (run / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    names, notes = told_of(run)
    assert "c" in names
    record = next((one for one in find_runs([run]).records), None)
    said = notes + (read_units(record)[1] if record else "")
    assert name in said
    assert max(map(len, said.split("\n"))) < 300


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json", "versions.json", "units.csv", "evaluation"])
@pytest.mark.parametrize("kind", ["pipe", "zero"])
def test_a_pipe_or_a_device_in_place_of_a_file_does_not_stop_the_reader(tmp_path: Path, name: str, kind: str) -> None:
    run = made_run(tmp_path / "runs" / "b")
    path = run / "evaluation" / "step_00000300.npz" if name == "evaluation" else run / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    names, notes = told_of(run)
    record = read_record(run)
    notes += read_units(record)[1] + read_evaluation(record, ("decoding/seconds",))[1]
    assert names == ["b"]
    assert path.name in notes
    assert "no plain file" in notes


def test_a_file_dated_in_the_future_does_not_make_a_run_run(tmp_path: Path) -> None:
    run = made_run(tmp_path / "runs" / "b")
    change_settings(run, steps=1000)
    (run / "summary.json").unlink()
    old, future = time.time() - 10_000, time.time() + 1e9
    for path in run.rglob("*"):
        os.utime(path, (old, old))
    assert read_record(run).state() == "stopped"
    os.utime(run / "metrics.jsonl", (future, future))
    with_row_time = json.dumps({"step": 300, "time": future})
    assert read_record(run).state() == "stopped"
    with_row(run, with_row_time)
    os.utime(run / "metrics.jsonl", (old, old))
    assert read_record(run).state() == "stopped"
    (run / "log.txt").touch()
    assert read_record(run).state() == "running"
    (run / "dangling").symlink_to("nowhere")
    assert read_record(run).state() == "running"


def test_folders_and_files_that_are_no_checkpoints_are_none(tmp_path: Path) -> None:
    run = made_run(tmp_path / "b")
    change_settings(run, steps=1000)
    (run / "checkpoints" / "step_00000900.pt").mkdir(parents=True)
    for step in ("99999999999999999999", "00002000"):
        (run / "checkpoints" / f"step_{step}.pt").touch()
    assert read_record(run).steps_done == 300
    (run / "checkpoints" / "step_00000400.pt").touch()
    assert read_record(run).steps_done == 400


@pytest.mark.parametrize(
    "name",
    [
        "c\x1b]0;owned\x07",
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ("\u202egpj", "two\nlines", "=cmd|calc!A0", "<b>", "[a](b)")
        ),
    ],
)
def test_a_name_acts_nowhere(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    made_run(runs / "sent").rename(runs / name)
    made_run(runs / "other", seed=1)
    versions = {"commit": f"{name}+changes", "command": name, "torch": name, "precision": name}
    (runs / name / "versions.json").write_text(json.dumps(versions))
    change_settings(runs / name, unknown_setting=1)
    assert main(["list", str(runs)]) == 0
    assert main(["compare", str(runs), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    pages = {suffix: (tmp_path / "out" / f"comparison.{suffix}").read_text() for suffix in ("md", "csv", "html")}
    for text in (told.out, told.err, *pages.values()):
        assert [letter for letter in text if not (letter.isprintable() or letter == "\n")] == []
    assert len(told.out.splitlines()[:3]) == 3
    outside = re.sub(r"\\.|`[^`]*`", "", pages["md"])
    assert not re.search(r"<b>|\[a\]\(b\)", outside)
    assert not re.search(r"(?m)(^|,)=cmd", pages["csv"])


def test_a_name_that_is_not_utf_8_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(tmp_path / "runs" / "sent").rename(tmp_path / "runs" / os.fsdecode(b"run\xff"))
    made_run(tmp_path / "runs" / "other", seed=1)
    assert main(["list", str(tmp_path / "runs")]) == 0
    assert "run\\udcff" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0


def test_long_walks_are_those_of_the_measures(tmp_path: Path) -> None:
    run = made_run(tmp_path / "b")
    later = run / "evaluation" / "step_00000600.npz"
    shutil.copy(run / "evaluation" / "step_00000300.npz", later)
    record = read_record(run)
    assert read_evaluation(record, ("decoding/seconds",))[1] == ""
    (run / "evaluation" / "step_00000300.npz").unlink()
    assert "no evaluation of step 300" in read_evaluation(record, ("decoding/seconds",))[1]
