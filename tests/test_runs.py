import datetime
import hashlib
import json
import math
import os
import signal
import subprocess
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from topogrid import runs
from topogrid.runs import (
    CheckpointError,
    CorruptCheckpointError,
    MetricsFile,
    NoCheckpointError,
    RunFolder,
    check_writable,
    default_name,
    find_checkpoint,
    generator_states,
    load_checkpoint,
    make_generators,
    read_metrics,
    restore_generators,
    save_checkpoint,
    set_aside_later,
    truncate_metrics,
    versions,
    write_json_atomic,
)


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "run", tmp_path / "tau_imgs")
    write_json_atomic(made.config_path, {})
    return made


def state_at(step: int) -> dict:
    return {"step": step, "network": {"w": torch.full((64, 64), float(step))}, "note": None, "list": [1, (2.0, "x")]}


def names(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


# --- Folder ----------------------------------------------------------------------------------------------------------


def test_runs_never_share_a_folder_or_a_gallery(tmp_path):
    made = [RunFolder.create(tmp_path / "runs", "run", tmp_path / "imgs") for _ in range(2)]
    (tmp_path / "imgs" / "run-3").mkdir()
    made.append(RunFolder.create(tmp_path / "runs", "run", tmp_path / "imgs"))
    assert [folder.name for folder in made] == ["run", "run-2", "run-4"]
    assert not (tmp_path / "runs" / "run-3").exists()
    assert [folder.gallery.name for folder in made] == ["run", "run-2", "run-4"]


def test_runs_that_start_together_get_folders_of_their_own(tmp_path):
    made: list[RunFolder] = []
    start = threading.Barrier(8)

    def create():
        start.wait()
        made.append(RunFolder.create(tmp_path / "runs", "run", tmp_path / "imgs"))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({folder.path for folder in made}) == 8


@pytest.mark.parametrize(
    ("name", "used"), [("tau 64/first", "tau-64-first"), ("../../etc", "etc"), ("x" * 500, "x" * 120), ("ré", "r")]
)
def test_any_name_stays_inside_save_dir(tmp_path, name, used):
    assert RunFolder.create(tmp_path, name, tmp_path / "imgs").path == tmp_path / used


def test_name_without_a_letter_is_refused(tmp_path):
    with pytest.raises(ValueError, match="letter or a digit"):
        RunFolder.create(tmp_path, "../..", tmp_path)
    assert names(tmp_path) == []


def test_default_name_says_what_ran():
    assert default_name("tau", 576, 1, datetime.datetime(2025, 1, 31, 15, 42)) == "tau-576-seed1-20250131-1542"


def test_open_wants_a_run(folder, tmp_path):
    assert RunFolder.open(folder.path, tmp_path / "tau_imgs") == folder
    with pytest.raises(ValueError, match=r"no config\.json"):
        RunFolder.open(tmp_path)


def test_check_writable_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("")
    for below in ("file", "file/inside"):
        with pytest.raises((ValueError, OSError), match="choose another"):
            check_writable(tmp_path / below)
    with pytest.raises(OSError, match="choose another"):
        check_writable(tmp_path / ("x" * 300))


# --- Metrics ---------------------------------------------------------------------------------------------------------


def test_rows_read_back_and_a_torn_last_line_is_ignored_then_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    file = MetricsFile(path)
    file.append({"step": 1, "x": 0.5})
    file.append({"step": 2, "x": math.nan})
    file.close()
    with path.open("a") as torn:
        torn.write('{"step": 3, "x"')
    assert [row["step"] for row in read_metrics(path)] == [1, 2]
    assert math.isnan(read_metrics(path)[1]["x"])
    again = MetricsFile(path)
    again.append({"step": 3})
    again.close()
    assert [row["step"] for row in read_metrics(path)] == [1, 2, 3]


def test_truncating_leaves_no_gap_and_no_double(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(1, 6)) + '{"st')
    assert truncate_metrics(path, 3) == 3
    assert [row["step"] for row in read_metrics(path)] == [1, 2, 3]
    assert truncate_metrics(path, 3) == 0
    assert truncate_metrics(tmp_path / "none", 3) == 0
    assert names(tmp_path) == ["metrics.jsonl"]


def test_a_broken_line_inside_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n<html>\n{"step": 2}\n')
    with pytest.raises(ValueError, match="line 2"):
        read_metrics(path)


def test_a_failing_write_keeps_the_old_json(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_json_atomic(path, {"a": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_json_atomic(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert names(tmp_path) == ["config.json"]


# --- Checkpoints -----------------------------------------------------------------------------------------------------


def test_checkpoint_reads_back_with_the_digest_of_its_bytes(folder):
    path = save_checkpoint(folder, state_at(5000), 5000)
    assert path == folder.checkpoints / "step_00005000.pt"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.with_name("step_00005000.pt.sha256").read_text() == f"{digest}  step_00005000.pt\n"
    state = load_checkpoint(path)
    assert torch.equal(state["network"]["w"], torch.full((64, 64), 5000.0))
    assert (state["note"], state["list"]) == (None, [1, (2.0, "x")])


def test_optimiser_and_generators_survive(folder):
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight])
    weight.sum().backward()
    optimiser.step()
    generators = make_generators(1, "cpu", ("walks",))
    saved = {"optimiser": optimiser.state_dict(), "generators": generator_states(generators)}
    loaded = load_checkpoint(save_checkpoint(folder, saved, 1))
    wanted = torch.rand(4, generator=generators["walks"])
    restore_generators(generators, loaded["generators"])
    assert torch.equal(torch.rand(4, generator=generators["walks"]), wanted)
    torch.optim.Adam([weight]).load_state_dict(loaded["optimiser"])


@pytest.mark.parametrize("value", [np.float64(1.0), np.zeros(2), Path("x"), {1, 2}])
def test_what_could_not_be_loaded_is_not_saved(folder, value):
    with pytest.raises(TypeError, match=r"state\['a'\]\[0\] is"):
        save_checkpoint(folder, {"a": [value]}, 1)
    assert names(folder.checkpoints) == []


def test_newest_and_protected_stay_and_the_one_just_saved_too(folder):
    for step in (10, 20, 30, 40):
        save_checkpoint(folder, state_at(step), step, keep=2, protect={10})
    kept = [path.name for path in folder.checkpoints.glob("*.pt")]
    assert sorted(kept) == ["step_00000010.pt", "step_00000030.pt", "step_00000040.pt"]
    save_checkpoint(folder, state_at(15), 15, keep=1)
    assert sorted(path.name for path in folder.checkpoints.glob("*.pt")) == ["step_00000015.pt", "step_00000040.pt"]
    assert len(names(folder.checkpoints)) == 4
    with pytest.raises(ValueError, match="keep=0"):
        save_checkpoint(folder, state_at(1), 1, keep=0)


def test_a_full_disk_costs_only_the_new_checkpoint(folder):
    resource = pytest.importorskip("resource")
    save_checkpoint(folder, state_at(1), 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(CheckpointError, match="could not be saved"):
            save_checkpoint(folder, state_at(2), 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert names(folder.checkpoints) == ["step_00000001.pt", "step_00000001.pt.sha256"]
    assert load_checkpoint(folder.checkpoints / "step_00000001.pt")["step"] == 1


@pytest.mark.parametrize("stop_at", ["unlink", "first replace", "second replace"])
def test_stopped_anywhere_while_saving_the_same_step_again_one_is_good(folder, monkeypatch, stop_at):
    path = save_checkpoint(folder, state_at(1), 1)
    replaced = []

    def stop(self, target=None, missing_ok=False):
        raise KeyboardInterrupt

    def stop_on(count):
        def replace(self, target):
            replaced.append(target)
            if len(replaced) == count:
                raise KeyboardInterrupt
            os.replace(self, target)

        return replace

    if stop_at == "unlink":
        monkeypatch.setattr(Path, "unlink", stop)
    else:
        monkeypatch.setattr(Path, "replace", stop_on(1 if stop_at == "first replace" else 2))
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, {**state_at(1), "step": 2}, 1)
    monkeypatch.undo()
    assert load_checkpoint(path)["step"] == (2 if stop_at == "second replace" else 1)


def test_leftovers_of_a_killed_save_are_removed(folder):
    (folder.checkpoints / ".step_00000001.pt.123.tmp").write_bytes(b"half")
    save_checkpoint(folder, state_at(2), 2)
    assert names(folder.checkpoints) == ["step_00000002.pt", "step_00000002.pt.sha256"]


class Code:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


BREAK = {
    "is empty": lambda path: path.write_bytes(b""),
    "digest differs": _flip,
    "digest differs ": lambda path: path.write_bytes(path.read_bytes()[:-100]),
}


@pytest.mark.parametrize("message", BREAK)
def test_broken_files_say_how(folder, message):
    path = save_checkpoint(folder, state_at(1), 1)
    BREAK[message](path)
    with pytest.raises(CorruptCheckpointError, match=message.strip()):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("flipped", CorruptCheckpointError, "checksum"),
        ("cut", CorruptCheckpointError, "cut off"),
        ("page", CorruptCheckpointError, "no checkpoint"),
        ("zip", CorruptCheckpointError, "not a checkpoint"),
        ("code", CheckpointError, "could run code"),
        ("tensor", CheckpointError, "not the dict"),
        ("none", NoCheckpointError, "no checkpoint file"),
    ],
)
def test_files_without_a_digest_are_checked_too(tmp_path, name, kind, message):
    path = tmp_path / "model.pt"
    torch.save(state_at(1), path)
    if name == "flipped":
        _flip(path)
    elif name == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "page":
        path.write_text("<html>404</html>")
    elif name == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    elif name == "code":
        torch.save({"a": Code(tmp_path / "ran")}, path)
    elif name == "tensor":
        torch.save(torch.ones(1), path)
    else:
        path.unlink()
    with pytest.raises(kind, match=message):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_good_file_without_a_digest_loads(tmp_path):
    torch.save(state_at(7), tmp_path / "model.pt")
    assert load_checkpoint(tmp_path / "model.pt")["step"] == 7


# --- Resuming --------------------------------------------------------------------------------------------------------


def test_resume_takes_the_newest_good_one_and_sets_bad_ones_aside(folder):
    for step in (1, 2, 3):
        save_checkpoint(folder, state_at(step), step)
    _flip(folder.checkpoints / "step_00000003.pt")
    found = find_checkpoint(folder.path)
    assert (found.state["step"], found.path.name) == (2, "step_00000002.pt")
    assert len(found.notes) == 1
    assert "step_00000003.pt.corrupt" in found.notes[0]
    assert "step_00000003.pt.corrupt" in names(folder.checkpoints)
    assert find_checkpoint(folder.path).notes == []


def test_resume_of_one_checkpoint_does_not_look_at_later_ones(folder):
    for step in (1, 2, 3):
        save_checkpoint(folder, state_at(step), step)
    assert find_checkpoint(folder.checkpoints / "step_00000002.pt").state["step"] == 2
    assert set_aside_later(folder, 2)[0].endswith("renamed step_00000003.pt.superseded")
    assert find_checkpoint(folder.path).state["step"] == 2


def test_auto_takes_the_run_that_saved_last(tmp_path):
    made = [RunFolder.create(tmp_path / "runs", name, tmp_path / "imgs") for name in ("b", "a", "c")]
    for age, folder in enumerate(made[:2]):
        write_json_atomic(folder.config_path, {})
        path = save_checkpoint(folder, state_at(age), age)
        os.utime(path, (1000 + age, 1000 + age))
    assert find_checkpoint("auto", tmp_path / "runs").folder.name == "a"


def test_nothing_to_resume(folder, tmp_path):
    for resume in (folder.path, tmp_path, tmp_path / "missing", "auto"):
        with pytest.raises(NoCheckpointError, match="nothing to resume"):
            find_checkpoint(resume, tmp_path / "runs")


def test_foreign_and_refused_files_are_left_alone(folder, tmp_path):
    page = tmp_path / "step_00000001.pt"
    page.write_text("<html>")
    with pytest.raises(NoCheckpointError):
        find_checkpoint(page)
    assert page.read_text() == "<html>"
    path = save_checkpoint(folder, state_at(1), 1)
    torch.save({"a": Code(tmp_path / "ran")}, path)
    path.with_name(path.name + ".sha256").unlink()
    with pytest.raises(CheckpointError, match="could run code"):
        find_checkpoint(folder.path)
    assert names(folder.checkpoints) == ["step_00000001.pt"]


# --- Randomness and versions -----------------------------------------------------------------------------------------


def test_streams_depend_on_seed_and_name_only():
    def draw(seed, *wanted):
        return {name: torch.rand(8, generator=g) for name, g in make_generators(seed, "cpu", wanted).items()}

    both = draw(0, "weights", "walks")
    assert torch.equal(draw(0, "walks")["walks"], both["walks"])
    assert not torch.equal(both["weights"], both["walks"])
    assert not torch.equal(draw(1, "walks")["walks"], both["walks"])
    with pytest.raises(ValueError, match="-1"):
        make_generators(-1, "cpu", ("walks",))


def test_states_of_other_generators_are_refused():
    generators = make_generators(0, "cpu", ("walks",))
    with pytest.raises(ValueError, match="weights"):
        restore_generators(generators, {"weights": torch.zeros(1)})
    with pytest.raises(ValueError, match="resume on the device"):
        restore_generators(generators, {"walks": torch.zeros(16, dtype=torch.uint8)})


def test_versions_are_plain_text(tmp_path):
    found = versions()
    assert {"python", "torch", "numpy", "scipy", "matplotlib", "wandb", "topogrid", "platform", "command"} <= set(found)
    assert found["torch"] == torch.__version__
    assert all(isinstance(value, str) and value for value in found.values())
    assert runs._git_commit(tmp_path) == ""


def test_commit_is_found_in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    commit = runs._git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert runs._git_commit(tmp_path) == f"{commit}+changes"
