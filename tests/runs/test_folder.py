import datetime
import threading
from pathlib import Path

import pytest

from topogrid.files import write_json_atomic
from topogrid.runs.folder import RunFolder, RunInUseError, default_name
from topogrid.runs.resume import run_to_continue


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "run", tmp_path / "tau_imgs")
    write_json_atomic(made.config_path, {})
    return made


def names(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


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


# --- One name and no other --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "dangling link", "folder with checkpoints", "folder with a file"])
def test_what_is_in_the_way_of_a_name_is_refused_and_left_alone(tmp_path, kind):
    save_dir = tmp_path / "runs"
    save_dir.mkdir()
    path = save_dir / "job"
    if kind == "file":
        path.write_text("x")
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "folder with checkpoints":
        (path / "checkpoints").mkdir(parents=True)
        (path / "checkpoints" / "step_00000001.pt").write_bytes(b"x")
    else:
        path.mkdir()
        (path / "notes.txt").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"no config\.json"):
        run_to_continue("auto", save_dir, "job")
    with pytest.raises(ValueError, match="another --name"):
        RunFolder.create(save_dir, "job", tmp_path / "imgs", only_this=True)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["nothing", "empty gallery", "killed at its start"])
def test_a_name_is_taken_over_where_nothing_is_lost(tmp_path, kind):
    if kind == "empty gallery":
        (tmp_path / "imgs" / "job").mkdir(parents=True)
    elif kind == "killed at its start":
        RunFolder.create(tmp_path / "runs", "job", tmp_path / "imgs").lock.release()
    assert run_to_continue("auto", tmp_path / "runs", "job") is None
    made = RunFolder.create(tmp_path / "runs", "job", tmp_path / "imgs", only_this=True)
    assert made.path == tmp_path / "runs" / "job"


@pytest.mark.parametrize("kind", ["file", "pictures", "link"])
def test_a_gallery_that_holds_something_is_in_the_way(tmp_path, kind):
    gallery = tmp_path / "imgs" / "job"
    gallery.parent.mkdir()
    if kind == "file":
        gallery.write_text("x")
    elif kind == "pictures":
        gallery.mkdir()
        (gallery / "scale_map.png").write_bytes(b"x")
    else:
        (tmp_path / "elsewhere").mkdir()
        gallery.symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(ValueError, match="no empty folder"):
            RunFolder.create(tmp_path / "runs", "job", tmp_path / "imgs", only_this=True)
    assert not (tmp_path / "runs" / "job").exists()


def test_a_name_in_other_letters_is_the_folder_it_became(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "my job", tmp_path / "imgs")
    write_json_atomic(made.config_path, {})
    assert run_to_continue("auto", tmp_path / "runs", "my job").folder == made.path


def test_two_that_start_one_job_do_not_make_two_runs(tmp_path):
    first = RunFolder.create(tmp_path / "runs", "job", tmp_path / "imgs", only_this=True)
    with pytest.raises(RunInUseError):
        RunFolder.create(tmp_path / "runs", "job", tmp_path / "imgs", only_this=True)
    first.lock.release()


# --- Folders that somebody else made ----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_lock_that_is_a_link_is_refused(tmp_path, folder, target):
    victim = tmp_path / "victim"
    if target == "there":
        victim.write_text("precious\n")
    folder.lock.release()
    folder.lock.path.unlink()
    folder.lock.path.symlink_to(victim)
    with pytest.raises(OSError, match="a link in place of a regular file"):
        folder.lock.acquire()
    assert victim.read_text() == "precious\n" if target == "there" else not victim.exists()


def test_a_lock_with_a_second_name_locks_and_writes_nothing(tmp_path, folder):
    folder.lock.release()
    folder.lock.path.unlink()
    (tmp_path / "victim").write_text("precious\n")
    folder.lock.path.hardlink_to(tmp_path / "victim")
    folder.lock.acquire()
    assert (tmp_path / "victim").read_text() == "precious\n"
    folder.lock.release()


@pytest.mark.parametrize("name", ["checkpoints", "evaluation", "figures", "interventions", "wandb", "gallery"])
def test_a_folder_of_a_run_that_is_a_link_is_refused(tmp_path, folder, name):
    folder.check_own()
    path = folder.gallery if name == "gallery" else folder.path / name
    if path.is_dir():
        path.rmdir()
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a link in place of a folder of this run"):
        folder.check_own()


def test_what_is_no_run_is_told_with_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "config.json").write_text("{}")
    (tmp_path / "tau_imgs" / "b").mkdir(parents=True)
    (tmp_path / "tau_imgs" / "b" / "tau_map.png").touch()
    (tmp_path / "tau_imgs" / "c").mkdir()
    (tmp_path / "tau_imgs" / "c" / "weights.safetensors").touch()
    (tmp_path / "else").mkdir()
    for name, told in [
        ("runs", f"holds 1 of them; give one, such as {tmp_path / 'runs' / 'a'}"),
        ("tau_imgs", f"such as {tmp_path / 'tau_imgs' / 'c'}"),
        ("tau_imgs/b", "pictures, no weights; give the folder of that run, such as runs/b"),
        ("else", "no config.json; give a folder like runs/<name>"),
        ("nowhere", "there is no such folder"),
    ]:
        with pytest.raises(ValueError, match="is not a run") as error:
            RunFolder.open(tmp_path / name)
        assert told in str(error.value)
