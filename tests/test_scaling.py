"""Sweeps and the Slurm example call this version of ``train_grid.py`` with flags that it has."""

import itertools
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from topogrid.cli.flags import parse_arguments
from topogrid.measures import METRICS
from topogrid.settings.config import TrainConfig

ROOT = Path(__file__).resolve().parent.parent
SWEEPS = sorted((ROOT / "sweeps").glob("*.yaml"))
SLURM = ROOT / "examples" / "slurm_array.sh"


def command_lines(sweep: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the arguments of every run of a grid sweep, written the way a W&B agent does."""
    options = {name: entry.get("values", [entry.get("value")]) for name, entry in sweep["parameters"].items()}
    for values in itertools.product(*options.values()):
        yield [f"--{name}={value}" for name, value in zip(options, values, strict=True)]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_run_of_a_sweep_is_understood_and_different(path: Path) -> None:
    sweep = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (ROOT / sweep["program"]).is_file()
    assert sweep["method"] == "grid"
    # docs/wandb.md: of a sweep, an error; never a share without its null, nor the effect that is asked about.
    assert sweep["metric"] == {"name": "validation/trajectory_error_cm", "goal": "minimize"}
    assert sweep["metric"]["name"] in METRICS
    configs: list[TrainConfig] = [parse_arguments(line).config for line in command_lines(sweep)]
    assert len(configs) == len(set(configs)) > 1
    for name, entry in sweep["parameters"].items():
        given = entry.get("values", [entry.get("value")])
        assert {getattr(config, name) for config in configs} == set(given)


def test_the_sweep_over_seeds_compares_tau_with_plain() -> None:
    sweep = yaml.safe_load((ROOT / "sweeps" / "tau_seeds.yaml").read_text(encoding="utf-8"))
    kinds = [parse_arguments(line).config.describe() for line in command_lines(sweep)]
    assert {kind: kinds.count(kind) for kind in kinds} == {"plain": 5, "tau": 5}


# --- Slurm


def start(tmp_path: Path, task: int, exit_code: int = 0) -> tuple[int, list[list[str]]]:
    """Run the script with stand-ins for Slurm's commands; returns its exit code and what was called."""
    log = tmp_path / "calls"
    log.unlink(missing_ok=True)
    for name, code in (("srun", exit_code), ("scontrol", 0)):
        stub = tmp_path / name
        stub.write_text(f'#!/bin/sh\necho {name} "$@" >> {shlex.quote(str(log))}\nexit {code}\n')
        stub.chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_JOB_ID": "77", "SLURM_CPUS_PER_TASK": "2"}
    environment = os.environ | slurm | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(SLURM)], env=environment, cwd=tmp_path, check=False)
    return done.returncode, [shlex.split(line) for line in log.read_text().splitlines()]


def test_the_script_is_bash() -> None:
    assert subprocess.run(["bash", "-n", str(SLURM)], check=False).returncode == 0


def test_every_task_of_the_array_is_a_run_of_its_own(tmp_path: Path) -> None:
    lines = SLURM.read_text(encoding="utf-8").splitlines()
    first, last = next(line for line in lines if "--array=" in line).partition("--array=")[2].split("-")
    names, conditions = set(), []
    for task in range(int(first), int(last) + 1):
        code, ((*words,),) = start(tmp_path, task)
        assert code == 0
        assert words[:3] == ["srun", "python", "train_grid.py"]
        config = parse_arguments([*words[3:], "--save_dir", str(tmp_path / "runs")]).config
        names.add(config.name)
        conditions.append((config.describe(), config.seed))
    assert len(names) == len(set(conditions)) == 10
    assert {kind for kind, _ in conditions} == {"plain", "tau"}


def test_a_run_that_was_stopped_is_queued_again(tmp_path: Path) -> None:
    code, calls = start(tmp_path, 3, exit_code=143)
    assert code == 143
    assert calls[-1] == ["scontrol", "requeue", "77_3"]
    for other in (0, 1, 2, 3):
        assert [call[0] for call in start(tmp_path, 3, exit_code=other)[1]] == ["srun"]


def test_slurm_warns_early_enough_and_keeps_the_log() -> None:
    text = SLURM.read_text(encoding="utf-8")
    for option in ("--signal=TERM@120", "--requeue", "--open-mode=append"):
        assert f"#SBATCH {option}" in text
