"""Whatever happens to W&B, training ends with exit code 0 and a complete ``metrics.jsonl``; what is missing is told."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.faults.harness import Process, Server, flags
from topogrid.runs.metrics_log import read_metrics


def begin(
    server: Server, folder: Path, name: str, environment: dict[str, str] | None = None, **changes: object
) -> Process:
    """Start a run that knows nothing of the account and the folders of whoever runs the tests."""
    unset = ("API_KEY", "MODE", "DIR", "CACHE_DIR", "DATA_DIR", "CONFIG_DIR", "RUN_ID")
    hidden = {f"WANDB_{name}": "" for name in unset} | {"NETRC": str(folder / "no_netrc"), "HOME": str(folder)}
    wanted = {"wandb": "offline", "name": name} | changes
    return server.start(*flags(**wanted), environment=hidden | (environment or {}))


def services(run: Process) -> list[int]:
    """Find the processes of W&B that work for a run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"wandb-core") and str(run.pid).encode() in words:
            found.append(int(entry.name))
    return found


def check(run: Process, folder: Path, name: str, steps: int = 24) -> str:
    assert run.wait() == 0, run.log.read_text()
    said = run.log.read_text()
    assert "Traceback" not in said
    rows = [row["step"] for row in read_metrics(folder / "runs" / name / "metrics.jsonl") if "train/total_loss" in row]
    assert rows == [1, *range(2, steps + 1, 2)]
    return said


@pytest.mark.slow
def test_a_service_that_is_killed_in_the_middle(server: Server, folder: Path) -> None:
    run = begin(server, folder, "killed", steps=200)
    assert run.until("save")
    mine = services(run)
    assert mine
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
    said = check(run, folder, "killed", steps=200)
    assert "W&B does not take everything, training goes on" in said
    missed = re.search(r"W&B missed (\d+) calls; metrics.jsonl and the figures here are complete", said)
    assert missed is not None
    assert int(missed[1]) > 0


def test_a_folder_that_w_and_b_cannot_write(server: Server, folder: Path) -> None:
    (folder / "in_the_way").touch()
    run = begin(server, folder, "unwritable", {"WANDB_DIR": str(folder / "in_the_way")})
    said = check(run, folder, "unwritable")
    assert "W&B is disabled:" in said
    assert re.search(r"W&B missed \d+ calls", said)


@pytest.mark.slow
def test_an_address_where_nobody_answers(server: Server, folder: Path) -> None:
    key = {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    run = begin(server, folder, "dead", key, wandb="online")
    said = check(run, folder, "dead")
    assert "W&B is offline: online failed:" in said


@pytest.mark.slow
def test_a_service_that_is_frozen_at_the_end(server: Server, folder: Path) -> None:
    run = begin(server, folder, "frozen", steps=200)
    assert run.until("save")
    mine = services(run)
    for pid in mine:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    said = check(run, folder, "frozen", steps=200)
    assert time.monotonic() - began < 200
    assert "it did not finish within 60 s" in said
    assert re.search(r"W&B missed \d+ calls", said)


@pytest.mark.slow
def test_runs_side_by_side_share_no_folder_of_w_and_b(server: Server, folder: Path) -> None:
    runs = [begin(server, folder, name, {"WANDB_DIR": str(folder / "common")}) for name in ("left", "right")]
    for run, name in zip(runs, ("left", "right"), strict=True):
        check(run, folder, name)
    parts = list((folder / "common" / "wandb").glob("offline-run-*"))
    assert len(parts) == 2
    assert not (folder / ".cache" / "wandb").exists()
