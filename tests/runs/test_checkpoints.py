import hashlib
import os
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from topogrid.files import write_json_atomic
from topogrid.runs.checkpoints import find_checkpoint, load_checkpoint, save_checkpoint, set_aside_later
from topogrid.runs.errors import CheckpointError, CorruptCheckpointError, NoCheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.streams import generator_states, make_generators, restore_generators


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "run", tmp_path / "tau_imgs")
    write_json_atomic(made.config_path, {})
    return made


def state_at(step: int) -> dict:
    return {"step": step, "network": {"w": torch.full((64, 64), float(step))}, "note": None, "list": [1, (2.0, "x")]}


def names(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


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


# --- Resuming ---------------------------------------------------------------------------------------------------------


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
