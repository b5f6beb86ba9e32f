"""A disk that is really full: a small file system in memory for root, a limit on file sizes for everybody else."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Process, Server, flags
from topogrid.runs.checkpoints import find_checkpoint
from topogrid.runs.metrics_log import read_metrics


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def begin(server: Server, disk: Path, name: str, **changes: object) -> Process:
    return server.start(*flags(save_dir=disk / "runs", gallery_dir=disk / "imgs", name=name, **changes))


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill a disk up, to some bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - leave))
    return filler


def test_a_full_disk_stops_no_training_and_what_fits_later_is_written(server: Server, small_disk: Path) -> None:
    run = begin(server, small_disk, "full", steps=120, save_every=10, eval_every=60)
    assert run.until("save")
    filler = fill(small_disk)
    assert run.until("save", 4)  # whole saves that failed
    filler.unlink()
    assert run.wait() == 0, run.log.read_text()
    said = run.log.read_text()
    assert "Traceback" not in said
    assert "could not be saved" in said
    assert "training goes on" in said
    folder = small_disk / "runs" / "full"
    steps = [row["step"] for row in read_metrics(folder / "metrics.jsonl") if "train/total_loss" in row]
    assert steps == [1, *range(2, 121, 2)]
    assert find_checkpoint(folder).state["step"] == 120
    assert not list(folder.rglob("*.tmp"))


def test_a_disk_that_stays_full_is_told_by_the_exit_code(server: Server, small_disk: Path) -> None:
    run = begin(server, small_disk, "full", steps=60, save_every=20, eval_every=1000)
    assert run.until("save")
    while run.phase() == "save":
        time.sleep(0.0003)
    fill(small_disk)
    assert run.wait() == 1
    said = run.log.read_text()
    assert "Traceback" not in said
    assert "The disk did not take the last" in said
    found = find_checkpoint(small_disk / "runs" / "full")
    assert found.notes == []


def test_a_limit_on_file_sizes_is_a_full_disk_too(server: Server, folder: Path) -> None:
    run = server.start(*flags(name="limited", steps=4), largest_file=8000)
    assert run.wait() == 1
    said = run.log.read_text()
    assert "Traceback" not in said
    assert "could not be saved" in said
    rows = read_metrics(folder / "runs" / "limited" / "metrics.jsonl")
    assert [row["step"] for row in rows if "train/total_loss" in row] == [1, 2, 4]
    assert not list((folder / "runs" / "limited").rglob("*.tmp"))


@pytest.mark.slow
def test_the_old_checkpoint_survives_a_save_on_a_full_disk_that_is_then_killed(
    server: Server, small_disk: Path
) -> None:
    run = begin(server, small_disk, "both", steps=100000, save_every=5, eval_every=100000)
    assert run.until("save", 2)
    fill(small_disk)
    assert run.until("save", run.entered("save") + 2)
    run.signal(signal.SIGKILL)
    run.wait()
    (small_disk / "filler").unlink()
    found = find_checkpoint(small_disk / "runs" / "both")
    assert found.notes == []
    again = server.start("--resume", str(small_disk / "runs" / "both"), "--steps", str(found.state["step"] + 4))
    assert again.wait() == 0, again.log.read_text()
