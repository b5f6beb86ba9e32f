"""A run gone on with: nothing wrong is taken, nothing outside is written, nothing of another way is left to read."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import train_grid
from tests.faults.any_settings import in_little_time
from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.reports.records import read_record
from topogrid.runs.checkpoints import load_checkpoint, save_state
from topogrid.trained.opening import open_trained

RUN = Path("runs/b")


@pytest.fixture(scope="module")
def two_ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run with checkpoints after steps 4, 5 and 6, evaluated at the first and the last."""
    desk = tmp_path_factory.mktemp("resuming")
    shutil.copytree(DATA / KEPT_VERSION / "dense", desk / RUN)
    with in_little_time(desk):
        words = ["--resume", str(RUN), "--steps", "6", "--save_every", "1", "--keep_checkpoints", "9"]
        assert train_grid.main(words) == 0
    return desk


@pytest.fixture
def desk(two_ends: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(two_ends / "runs", tmp_path / "runs")
    with in_little_time(tmp_path):
        yield tmp_path


def resume(*words: str, at: Path = RUN) -> int:
    return train_grid.main(["--resume", str(at), *words])


def checkpoint(step: int) -> Path:
    return RUN / "checkpoints" / f"step_{step:08d}.pt"


def outside(desk: Path) -> dict[str, bytes]:
    inside = (desk / RUN, desk / "tau_imgs" / "b")
    files = (path for path in desk.rglob("*") if path.is_file() and not any(map(path.is_relative_to, inside)))
    return {str(path): path.read_bytes() for path in files}


# --- Another way ------------------------------------------------------------------------------------------------------


def test_a_longer_schedule_is_said_in_log_summary_and_record(desk: Path) -> None:
    said = (RUN / "log.txt").read_text()
    assert "from step 4 on it learns in another way than before (steps 4 -> 6)" in said
    assert json.loads((RUN / "summary.json").read_text())["train/n_turns"] == 1
    assert read_record(RUN).n_turns == 1
    assert load_checkpoint(checkpoint(6))["turns"] == [(4, ["steps 4 -> 6"])]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--eval_at_start", "true"), "--eval_at_start has no effect after step 5: the untrained network is gone"),
        (("--warmup_steps", "1"), "--warmup_steps has no effect after step 5: the learning rate has risen"),
    ],
)
def test_what_would_act_in_steps_that_are_over_is_refused_before_anything_is_written(
    desk: Path, words: tuple[str, str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file() and path.name != ".lock"}
    saved = json.loads((RUN / "config.json").read_text())
    assert resume("--steps", "8", *words, at=checkpoint(5)) == 2
    assert f"{why}; leave it out" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    assert resume(words[0], str(saved[words[0].removeprefix("--")]), at=checkpoint(5)) == 0  # as it is


def test_what_is_of_a_later_step_is_set_aside_when_a_run_goes_back(desk: Path) -> None:
    (RUN / "report.html").write_text("of step 6")
    assert resume("--steps", "5", at=checkpoint(4)) == 0
    record = read_record(RUN)
    assert (record.steps_done, record.measured_step) == (5, 5)
    assert sorted(path.name for path in (RUN / "evaluation").glob("*.npz")) == [
        "step_00000004.npz",
        "step_00000005.npz",
    ]
    assert (RUN / "evaluation" / "step_00000006.npz.superseded").is_file()
    assert (RUN / "report.html.superseded").read_text() == "of step 6"
    assert open_trained(RUN).step == 5


def test_a_run_that_went_back_and_was_killed_shows_nothing_of_the_way_it_left(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("topogrid.session.run.train", killed)
    resume("--steps", "1000", at=checkpoint(4))
    record = read_record(RUN)
    assert (record.steps_done, record.measured_step) == (4, 4)


# --- Folders that somebody else made ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".lock", "log.txt", "metrics.jsonl", "summary.json", "units.csv", "versions.json"])
@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_link_in_place_of_a_file_leads_nobody_outside(desk: Path, name: str, target: str) -> None:
    victim = desk / "victim"
    if target == "there":
        victim.write_text("precious\n")
    (RUN / name).unlink(missing_ok=True)
    (RUN / name).symlink_to(victim)
    before = outside(desk)
    assert resume("--steps", "7") in (0, 2)
    assert outside(desk) == before


@pytest.mark.parametrize("name", ["checkpoints", "evaluation", "figures", "interventions", "wandb", "gallery"])
def test_a_link_in_place_of_a_folder_is_refused(desk: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("tau_imgs/b") if name == "gallery" else RUN / name
    if path.exists():
        path.rename(desk / "elsewhere")
    else:
        (desk / "elsewhere").mkdir()
        path.parent.mkdir(exist_ok=True)
    path.symlink_to(desk / "elsewhere")
    before = outside(desk)
    assert resume("--steps", "7") == 2
    assert "in place of a folder of this run" in capsys.readouterr().err
    assert outside(desk) == before


@pytest.mark.parametrize("name", ["log.txt", "metrics.jsonl", "summary.json", "wandb_id.txt", "versions.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_nothing_waits_for_a_pipe_or_reads_a_device(desk: Path, name: str, kind: str) -> None:
    path = RUN / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    assert resume("--steps", "7") in (0, 2)


# --- Checkpoints ------------------------------------------------------------------------------------------------------


def test_a_spoilt_optimiser_is_answered_before_anything_is_written(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = load_checkpoint(checkpoint(6))
    state["optimiser"]["state"][0]["exp_avg"] = torch.zeros(3)
    save_state(checkpoint(6), state)
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file() and path.name != ".lock"}
    capsys.readouterr()
    assert resume("--steps", "8") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "exp_avg must be (" in said
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("digest", ["", "junk", "\0" * 64])
def test_a_digest_that_is_none_says_nothing_about_a_good_checkpoint(desk: Path, digest: str) -> None:
    checkpoint(6).with_name("step_00000006.pt.sha256").write_text(digest)
    before = sorted(RUN.rglob("*"))
    opened = open_trained(RUN)
    assert (opened.step, opened.notes) == (6, ())
    assert sorted(RUN.rglob("*")) == before


def test_a_digest_in_capitals_is_the_same_digest(desk: Path) -> None:
    path = checkpoint(6).with_name("step_00000006.pt.sha256")
    path.write_text(path.read_text().upper())
    assert open_trained(RUN).step == 6


@pytest.mark.parametrize("kind", ["changed", "pipe"])
def test_whoever_only_reads_renames_nothing_and_says_what_was_passed_over(desk: Path, kind: str) -> None:
    if kind == "changed":
        checkpoint(6).write_bytes(checkpoint(6).read_bytes()[:-50])
    else:
        checkpoint(6).unlink()
        os.mkfifo(checkpoint(6))
    before = sorted(RUN.rglob("*"))
    opened = open_trained(RUN)
    assert opened.step == 5
    assert len(opened.notes) == 1
    assert "step_00000006.pt" in opened.notes[0]
    assert "passed over" in opened.notes[0]
    assert sorted(RUN.rglob("*")) == before


# --- One job, one run -------------------------------------------------------------------------------------------------


def test_a_job_that_finds_an_empty_gallery_makes_one_run(desk: Path) -> None:
    Path("tau_imgs/job").mkdir(parents=True)
    words = [
        "--preset",
        "smoke",
        "--wandb",
        "disabled",
        "--n_grid_cells",
        "16",
        "--eval_walks",
        "4",
        "--eval_bins",
        "6",
    ]
    words += ["--long_walks", "2", "--long_seconds", "0.1", "--steps", "1", "--name", "job", "--resume", "auto"]
    assert train_grid.main(words) == 0
    assert train_grid.main(words) == 2  # nothing is left to do
    assert sorted(path.name for path in Path("runs").iterdir()) == ["b", "job"]
    assert json.loads(Path("runs/job/config.json").read_text())["resume"] == ""


def test_a_run_that_was_summed_up_is_not_begun_again_without_its_checkpoints(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(RUN / "checkpoints")
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file() and path.name != ".lock"}
    assert resume("--steps", "9") == 2
    assert "runs/b has results of step 6 and no checkpoint to go on from" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
