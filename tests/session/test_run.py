"""A whole run through the real entry point: what a user gets, and that stopping and resuming changes nothing."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import train_grid
from tests.faults.any_settings import in_little_time
from tests.wandb_records import history, read_offline_run
from topogrid.cli.main import main as topogrid_main
from topogrid.measures import FIGURES as ALL_FIGURES
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.runs.metrics_log import read_metrics
from topogrid.settings.saved import read_settings
from topogrid.trained.run import open_run

CAPTIONS = {
    "validation/long_error": "Decoding error along 8 walks of 1 s, cm.",
    "validation/trajectories": "True and decoded paths of held-out walks of 1 s.",
}
FIGURES = {key: entry for key, entry in ALL_FIGURES.items() if key != "validation/filmstrip"}  # of every evaluation

QUICK = ["--preset", "smoke", "--eval_walks", "10", "--precision", "fp32"]
SMOKE = [*QUICK, "--wandb", "disabled"]


def run(tmp_path: Path, *arguments: str) -> int:
    return train_grid.main([*arguments, "--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs")])


@pytest.fixture(scope="module")
def tau_run(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("run")
    code = run(
        tmp_path,
        *QUICK,
        "--wandb",
        "offline",
        "--tau",
        "--wiring",
        "dense",
        "--topoloss",
        "--name",
        "a",
        "--steps",
        "4",
        "--save_every",
        "2",
        "--pictures",
        "all",
    )
    assert code == 0
    return tmp_path / "runs" / "a"


def test_a_run_leaves_everything_a_person_opens(tau_run):
    files = {path.name for path in tau_run.iterdir()}
    assert {
        "config.json",
        "versions.json",
        "metrics.jsonl",
        "log.txt",
        "units.csv",
        "summary.json",
        "report.html",
    } <= files
    gallery = tau_run.parent.parent / "imgs" / "a"
    for entry in FIGURES.values():
        for folder in (tau_run / "figures", gallery):
            pixels = np.asarray(Image.open(folder / entry.file).convert("L"), dtype=float)
            assert pixels.std() > 3, f"{entry.file} looks blank"
    assert (tau_run / "evaluation" / "step_00000000.npz").is_file()
    assert (tau_run / "evaluation" / "step_00000004.npz").is_file()


def test_units_csv_has_one_row_a_unit(tau_run):
    with (tau_run / "units.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 64
    assert [(int(r["row"]), int(r["col"])) for r in rows] == [(i // 8, i % 8) for i in range(64)]
    config = read_settings(tau_run / "config.json").config
    for row in rows:
        assert config.tau_min <= float(row["tau_steps"]) <= config.tau_max
        assert float(row["tau_ms"]) == pytest.approx(20 * float(row["tau_steps"]), rel=1e-4)


def test_metrics_hold_every_term_and_both_views(tau_run):
    rows = read_metrics(tau_run / "metrics.jsonl")
    trained = [row for row in rows if "train/total_loss" in row]
    assert [row["step"] for row in trained] == [1, 2, 3, 4]
    for row in trained:
        terms = ("ce", "reg", "activity", "tau", "topo")
        assert row["train/total_loss"] == pytest.approx(sum(row[f"train/{term}_loss"] for term in terms), rel=1e-5)
    evaluated = [row for row in rows if "validation/trajectory_error_cm" in row]
    assert [row["step"] for row in evaluated] == [0, 4]
    assert "validation/start/share_above_0.3" in evaluated[-1]
    summary = json.loads((tau_run / "summary.json").read_text())
    assert summary["train/steps_done"] == 4
    assert summary["validation/trajectory_error_cm"] == evaluated[-1]["validation/trajectory_error_cm"]


def test_wandb_mirror_reads_back_with_every_number_and_picture(tau_run):
    (offline,) = (tau_run / "wandb").glob("offline-run-*")
    rows = history(read_offline_run(offline))
    mirrored = {key for row in rows for key in row}
    for key, entry in FIGURES.items():
        shown = [row for row in rows if f"{key}.path" in row]
        assert {row["step"] for row in shown} >= ({0, 4} if key == "tau/tau_map" else {4}), f"{key} is missing"
        assert {row[f"{key}.caption"] for row in shown} == {CAPTIONS.get(key, entry.caption)}
        for row in shown:
            colours = Image.open(offline / "files" / row[f"{key}.path"]).convert("RGB").getcolors(maxcolors=2**20)
            assert colours is None or len(colours) > 20, f"{key} at step {row['step']} is blank"
    local = {key for row in read_metrics(tau_run / "metrics.jsonl") for key in row} - {"time"}
    assert local | {f"{key}.path" for key in FIGURES} <= mirrored
    (page,) = (offline / "files" / "media" / "html").rglob("*.html")
    assert page.read_bytes() == (tau_run / "report.html").read_bytes()
    pictures = list((offline / "files" / "media" / "images").rglob("*.png"))
    assert len(pictures) >= len(FIGURES)
    for path in pictures:
        assert np.asarray(Image.open(path).convert("L"), dtype=float).std() > 3, f"{path.name} looks blank"


def test_a_run_reopens_with_nothing_but_its_folder(tau_run):
    reopened = open_run(tau_run)
    assert reopened.step == 4
    assert reopened.config == read_settings(tau_run / "config.json").config
    assert reopened.network.units.tau.shape == (64,)


@pytest.mark.slow
def test_resumed_run_equals_the_uninterrupted_one(tau_run, tmp_path):
    flags = [*SMOKE, "--tau", "--topoloss", "--save_every", "2", "--name", "b"]
    # Half the run, with the schedule of the whole: the checkpoint of step 2, gone on with.
    assert run(tmp_path, *flags, "--steps", "4") == 0
    folder = tmp_path / "runs" / "b"
    for path in folder.glob("checkpoints/step_00000004*"):
        path.unlink()
    assert train_grid.main(["--resume", str(folder)]) == 0
    ours, theirs = (load_checkpoint(path / "checkpoints" / "step_00000004.pt") for path in (folder, tau_run))
    for part in ("network", "generators"):
        for name, value in theirs[part].items():
            assert torch.equal(value, ours[part][name]), name
    for slot, moments in theirs["optimiser"]["state"].items():
        assert all(torch.equal(value, ours["optimiser"]["state"][slot][name]) for name, value in moments.items())

    def logged(path: Path) -> list[dict[str, float]]:
        rows = read_metrics(path / "metrics.jsonl")
        timeless = [{k: v for k, v in row.items() if not k.startswith("perf/") and k != "time"} for row in rows]
        return [{k: v for k, v in row.items() if "steps_per_sec" not in k} for row in timeless]

    np.testing.assert_equal(logged(folder), logged(tau_run))


def test_nothing_left_to_do_is_said(tau_run, capsys):
    assert train_grid.main(["--resume", str(tau_run)]) == 2
    assert "give more --steps" in capsys.readouterr().err


def test_explicit_online_without_a_key_makes_no_file(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert run(tmp_path, "--preset", "smoke", "--wandb", "online") == 2
    assert not any(tmp_path.rglob("*"))
    assert "key" in capsys.readouterr().err


def test_non_finite_loss_exits_3_and_changes_no_weight(tmp_path, capsys, monkeypatch):
    from topogrid.training import step as training

    honest = training.make_batch

    def poisoned(*arguments, **options):
        batch = honest(*arguments, **options)
        return batch._replace(displacement=batch.displacement * float("nan"))

    monkeypatch.setattr(training, "make_batch", poisoned)
    assert run(tmp_path, *SMOKE, "--name", "nan") == 3
    assert "not finite" in capsys.readouterr().err


def test_a_signal_while_pictures_are_drawn_is_obeyed_at_once(tmp_path, capsys, monkeypatch):
    drawing, asked = [], []

    def draw(figure, suffix):
        drawing.append(suffix)
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(600)

    monkeypatch.setattr("topogrid.session.tracking.rendered", draw)
    # Undone before that which lies around it is, or this would stay patched for good.
    with in_little_time(tmp_path), monkeypatch.context() as inside:
        inside.setattr("topogrid.session.run.draw_evaluation", lambda *_, **__: {"train/curves": Figure()})
        assert train_grid.main([*SMOKE, "--wiring", "dense", "--steps", "1", "--name", "drawn"]) == 130
    assert time.monotonic() - asked[0] < 100
    assert drawing == ["png"]
    said = capsys.readouterr().err
    assert "SIGINT: this evaluation is given up and the run is saved" in said
    assert load_checkpoint(tmp_path / "runs" / "drawn" / "checkpoints" / "step_00000001.pt")["evaluated"] == 0
    assert not (tmp_path / "runs" / "drawn" / "evaluation" / "step_00000001.npz").exists()


def test_an_untrained_network_is_drawn_nowhere_and_need_not_be_measured(tmp_path, capsys):
    with in_little_time(tmp_path):
        for name, wanted in (("measured", "auto"), ("not", "false")):
            flags = [*SMOKE, "--wiring", "dense", "--steps", "2", "--name", name, "--eval_at_start", wanted]
            assert train_grid.main(flags) == 0
    rows = {name: read_metrics(tmp_path / "runs" / name / "metrics.jsonl") for name in ("measured", "not")}
    steps = {name: [row["step"] for row in rows[name] if "validation/ce_loss" in row] for name in rows}
    assert steps == {"measured": [0, 2], "not": [2]}
    last = [row for row in rows["not"] if "validation/ce_loss" in row][-1]
    assert last == {**last, **{k: v for k, v in rows["measured"][-1].items() if k.startswith("validation/") and v == v}}
    said = capsys.readouterr().err
    assert "0.00 steps/s" not in said
    assert "? left" not in said
    assert "plus 2 evaluations of about" in said
    assert "plus 1 evaluation of about" in said


def test_a_network_that_cannot_be_measured_goes_on_training(tmp_path, capsys, monkeypatch):
    def unmeasurable(*arguments, **options):
        raise ValueError("rate maps must be finite")

    with in_little_time(tmp_path):
        monkeypatch.setattr("topogrid.evaluation.measured.evaluate", unmeasurable)
        assert train_grid.main([*SMOKE, "--wiring", "dense", "--steps", "2", "--name", "odd"]) == 0
    assert capsys.readouterr().err.count("could not be measured") == 2
    assert load_checkpoint(tmp_path / "runs" / "odd" / "checkpoints" / "step_00000002.pt")["step"] == 2


@pytest.mark.slow
def test_a_report_that_fails_does_not_end_the_run(tmp_path, capsys, monkeypatch):
    def full_disk(*arguments):
        raise OSError("no space left on the device")

    monkeypatch.setattr("topogrid.session.run.write_report", full_disk)
    assert run(tmp_path, *SMOKE, "--steps", "1", "--name", "full") == 0
    assert "no space left" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "full" / "report.html").exists()


def test_follow_uses_a_run(tau_run, tmp_path, capsys):
    seconds = np.arange(0, 8, 0.02)
    walk = tmp_path / "circle.npz"
    np.savez(walk, t=seconds, pos=0.4 * np.stack([np.cos(seconds), np.sin(seconds)], axis=-1))
    assert topogrid_main(["follow", str(tau_run), str(walk), "--restart", "2"]) == 0
    result = json.loads((tau_run / "follow_circle.json").read_text())
    assert result["seconds"] == pytest.approx(7.98, abs=0.03)
    assert (tau_run / "figures" / "follow_circle.png").is_file()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["follow", "nowhere", "walk.npz"], "is not a run"),
        (["analyze", "nowhere"], "is not a run"),
        (["intervene", "nowhere"], "is not a run"),
    ],
)
def test_commands_refuse_what_is_not_a_run(arguments, said, capsys):
    assert topogrid_main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_command_line_stops_on_sigterm_after_saving(tmp_path):
    command = [sys.executable, "train_grid.py", "--preset", "smoke", "--steps", "100000", "--name", "t"]
    folders = ["--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs"), "--wandb", "disabled"]
    flags = ["--save_every", "100000", "--eval_every", "100000"]
    with subprocess.Popen([*command, *folders, *flags], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 3/"):
                break
        process.terminate()
        rest = process.stderr.read()
        assert process.wait(60) == 143
    assert "--resume" in rest
    assert list((tmp_path / "runs" / "t" / "checkpoints").glob("*.pt"))
