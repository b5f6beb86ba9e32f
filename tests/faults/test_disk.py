"""A disk that is really full: a small file system in memory for root, a limit on file sizes for everybody else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Process, Server, flags, serving
from topogrid.checkpoints import find_checkpoint
from topogrid.metrics_log import read_metrics

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("disk")) as started:
        yield started


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
    run = begin(server, small_disk, "full", steps=400, save_every=20, eval_every=100)
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
    assert steps == [1, *range(2, 401, 2)]
    assert find_checkpoint(folder).state["step"] == 400
    assert not list(folder.rglob("*.tmp"))


def test_a_disk_that_stays_full_is_told_by_the_exit_code(server: Server, small_disk: Path) -> None:
    run = begin(server, small_disk, "full", steps=60, save_every=20, eval_every=1000)
    assert run.until("save")
    assert run.until("step")
    fill(small_disk)
    assert run.wait() == 1
    said = run.log.read_text()
    assert "Traceback" not in said
    assert "The disk did not take the last" in said
    found = find_checkpoint(small_disk / "runs" / "full")
    assert found.notes == []


def test_a_limit_on_file_sizes_is_a_full_disk_too(tmp_path: Path) -> None:
    script = (
        "import resource, signal, runpy, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (15000, 15000))\n"
        "runpy.run_path('train_grid.py', run_name='__main__')\n"
    )
    places = {"save_dir": tmp_path / "runs", "gallery_dir": tmp_path / "imgs", "name": "limited"}
    wanted = flags(n_grid_cells=64, steps=4, **places)
    done = subprocess.run(
        [sys.executable, "-c", script, *wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "could not be saved" in done.stderr
    rows = read_metrics(tmp_path / "runs" / "limited" / "metrics.jsonl")
    assert [row["step"] for row in rows if "train/total_loss" in row] == [1, 2, 4]


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
