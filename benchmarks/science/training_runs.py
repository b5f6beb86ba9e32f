"""Runs of ``train_grid.py`` that a benchmark needs: trained unless they are there, gone on with where they stopped."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent.parent


class WantedRun(NamedTuple):
    """One run by the name of its folder and what it is trained with."""

    name: str
    flags: tuple[str, ...]


def ensure_run(run: WantedRun, folder: Path) -> Path:
    """Train one run with a single CPU thread unless it is finished; returns its folder.

    Raises
    ------
    RuntimeError
        If training fails; the message ends with what the run said last.
    """
    path = folder / run.name
    if not (path / "units.csv").exists():
        # Relative to the repository: the command is published with the run, and says nothing of this machine.
        inside = os.path.relpath(folder, ROOT)
        where = ("--save_dir", inside, "--gallery_dir", os.path.join(inside, "maps"), "--name", run.name)
        rest = ("--resume", "auto", "--device", "cpu", "--threads", "1", "--wandb", "disabled")
        told = subprocess.run(  # noqa: S603 (this project's own command)
            [sys.executable, "train_grid.py", *where, *rest, *run.flags],
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            check=False,
        )
        if told.returncode:
            raise RuntimeError(f"{path} ended with exit code {told.returncode}: {told.stderr.strip()[-400:]}")
    return path


def in_parallel(work: Callable[[Any], Any], jobs: Sequence[Any], at_once: int) -> list[Any]:
    """Do several jobs at a time with a progress bar; the first failure keeps those that wait from being started.

    Raises
    ------
    RuntimeError
        What the first job that failed raised.
    """
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in tqdm(concurrent.futures.as_completed(futures), total=len(jobs), unit="run"):
                future.result()
        except RuntimeError:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]
