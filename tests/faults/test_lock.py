"""Two processes never write into one run folder, and a dead one does not keep a living one out."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.faults.harness import Server, flags
from topogrid.runs.metrics_log import read_metrics


def files(folder: Path) -> dict[str, int]:
    """Files of a run that does not change while it is frozen, with the times of their last change."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_a_second_process_is_refused_until_the_first_is_dead(server: Server, folder: Path) -> None:
    first = server.start(*flags(name="shared", steps=100_000, eval_every=100_000, save_every=2))
    assert first.until("save", 2)
    first.signal(signal.SIGSTOP)
    before = files(folder / "runs" / "shared")
    second = server.start("--resume", "runs/shared")
    assert second.wait() == 2
    (line,) = second.log.read_text().splitlines()
    assert line.startswith(f"topogrid: runs/shared is in use by process {first.pid} on ")
    assert line.endswith("wait for it, stop it, or start a run under another --name")
    assert files(folder / "runs" / "shared") == before
    first.signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    third = server.start("--resume", "runs/shared")
    assert third.until("step")
    third.signal(signal.SIGTERM)
    assert third.wait() == 143, third.log.read_text()


def test_runs_that_start_together_share_no_folder(server: Server, folder: Path) -> None:
    wanted = flags(save_dir="together", gallery_dir="pictures", steps=2)
    runs = [server.start(*wanted, environment={"WANDB_RUN_ID": ""}) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    made = sorted(path.name for path in (folder / "together").iterdir())
    assert len(made) == 3
    assert {path.name for path in (folder / "pictures").iterdir()} <= set(made)  # those without pictures are gone
    ids = {(folder / "together" / name / "wandb_id.txt").read_text() for name in made}
    assert len(ids) == 3
    for name in made:
        run = folder / "together" / name
        assert json.loads((run / "config.json").read_text())["name"] == name
        steps = [row["step"] for row in read_metrics(run / "metrics.jsonl")]
        assert steps == [0, 1, 2, 2]


def test_a_folder_that_a_killed_process_left_empty_is_taken_over(server: Server, folder: Path) -> None:
    (folder / "runs" / "unborn" / "checkpoints").mkdir(parents=True)
    (folder / "runs" / "unborn" / ".lock").write_text("process 1 on nowhere\n")
    (folder / "imgs" / "unborn").mkdir(parents=True)
    run = server.start(*flags(name="unborn", resume="auto", steps=2))
    assert run.wait() == 0, run.log.read_text()
    assert (folder / "runs" / "unborn" / "units.csv").is_file()
    assert not (folder / "runs" / "unborn-2").exists()


@pytest.mark.slow
def test_a_name_that_is_taken_is_never_overwritten(server: Server, folder: Path) -> None:
    began = time.time_ns()
    for wanted in ("mine", "mine-2"):
        run = server.start(*flags(name="mine", steps=2))
        assert run.wait() == 0
        assert (folder / "runs" / wanted / "units.csv").stat().st_mtime_ns > began
    first = files(folder / "runs" / "mine")
    server.start(*flags(name="mine", steps=2)).wait()
    assert files(folder / "runs" / "mine") == first
