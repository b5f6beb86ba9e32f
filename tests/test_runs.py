import datetime
import threading
from pathlib import Path

import pytest

from topogrid.files import write_json_atomic
from topogrid.runs.folder import RunFolder, default_name


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
