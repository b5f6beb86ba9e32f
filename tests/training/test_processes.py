"""Several processes compute what one does, start, stop and end together, and refuse what does not split."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from topogrid.runs.checkpoints import load_checkpoint
from topogrid.runs.metrics_log import read_metrics
from topogrid.session.stopping import StopRequest
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import read_settings, write_settings
from topogrid.training.processes import ALONE, Processes

ROOT = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1"]
SMOKE = ["--preset", "smoke", "--eval_walks", "10", "--precision", "fp32", "--wandb", "disabled", "--device", "cpu"]


def command(tmp_path: Path, *flags: str, processes: int = 2) -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [*TORCHRUN, f"--master_port={port}"] if processes == 2 else [sys.executable]
    folders = ["--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs")]
    return [*start, str(ROOT / "train_grid.py"), *SMOKE, *folders, *flags]


def run(tmp_path: Path, *flags: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command(tmp_path, *flags, processes=processes),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
        timeout=900,
    )


def assert_same_weights(found: Tensor, wanted: Tensor) -> None:
    """Compare as a whole: of a gradient near zero, Adam makes a step as long as any, and its sign is rounding."""
    assert float((found - wanted).norm()) <= 1e-5 * float(wanted.norm())


# --- who is who


def test_alone_nothing_is_shared() -> None:
    network, values = torch.nn.Linear(2, 2), torch.ones(3)
    assert ALONE.alone
    assert ALONE.first
    assert ALONE.wrap(network) is network
    assert ALONE.mean(values) is values
    assert ALONE.everywhere(values) is values
    assert ALONE.tell("word") == "word"
    assert [ALONE.agree(code) for code in (None, 143)] == [None, 143]
    assert torch.arange(10)[ALONE.share(10)].tolist() == list(range(10))
    assert ALONE.device("cuda:3") == "cuda:3"


def test_shares_cover_the_batch_once() -> None:
    shares = [Processes(rank, 4).share(20) for rank in range(4)]
    assert torch.cat([torch.arange(20)[share] for share in shares]).tolist() == list(range(20))


def test_every_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    third = Processes(rank=6, count=8, local_rank=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [third.device(wanted) for wanted in ("auto", "cuda", "cpu")] == ["cuda:2", "cuda:2", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert third.device("auto") == "cpu"
    for wanted in ("cuda:0", "mps"):
        with pytest.raises(ValueError, match=f"8 processes cannot all train on '{wanted}'"):
            third.device(wanted)


def test_a_stop_of_several_waits_until_all_agree() -> None:
    others: list[int | None] = [None, None, 143]
    seen: list[int | None] = []

    def agree(own: int | None) -> int | None:
        return max(own or 0, others.pop(0) or 0) or None

    with StopRequest(agree) as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # torchrun passes on what the terminal sent already
        assert stop.exit_code is None
        for _ in range(3):
            stop.settle()
            seen.append(stop.exit_code)
    assert seen == [130, 130, 143]


# --- two processes on the CPU


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Train the same run by one process and by two."""
    folders = []
    for count in (1, 2):
        tmp_path = tmp_path_factory.mktemp(f"by{count}")
        done = run(tmp_path, "--tau", "--topoloss", "--save_every", "3", "--name", "a", processes=count)
        assert done.returncode == 0, done.stderr
        folders.append(tmp_path / "runs" / "a")
    return folders[0], folders[1]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(runs: tuple[Path, Path]) -> None:
    alone, both = (load_checkpoint(path / "checkpoints" / "step_00000005.pt") for path in runs)
    for name, value in alone["network"].items():
        assert_same_weights(both["network"][name], value)
    for name, state in alone["generators"].items():
        assert torch.equal(state, both["generators"][name])


@pytest.mark.slow
def test_two_processes_log_what_one_does_and_only_once(runs: tuple[Path, Path]) -> None:
    alone, both = (read_metrics(path / "metrics.jsonl") for path in runs)
    assert [row["step"] for row in both] == [row["step"] for row in alone]
    for one, two in zip(alone, both, strict=True):
        for name, value in one.items():
            if name.startswith("train/") and "per_sec" not in name:
                assert two[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert json.loads((runs[1] / "versions.json").read_text())["processes"] == "2"
    assert "by 2 processes" in (runs[1] / "log.txt").read_text()
    assert [path.name for path in runs[1].parent.iterdir()] == ["a"]


def test_a_batch_that_does_not_split_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--batch_size", "9")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith(("train_grid.py", "topogrid"))]
    assert said == ["train_grid.py: batch_size must split evenly over 2 processes, got 9; give 8 or 10"]
    assert not (tmp_path / "runs").exists()
    assert "exitcode  : 2" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        "--tau --wiring attractor",
        "--tau --wiring attractor --learn_recurrent --learn_movement --activity_cost 0.01 --weight_decay 0.0001",
        "--tau --wiring learned --weight_decay 0.0001 --head_direction_cells 12",
        "--tau --wiring blocks --eval_every 4",
        "--tau --wiring blocks --topoloss",
    ],
    ids=["attractor", "all weights learn", "learned", "blocks", "modules that a loss couples"],
)
def test_two_processes_train_modules_as_one_does(tmp_path: Path, flags: str) -> None:
    states, rows = [], []
    for count in (1, 2):
        folder = tmp_path / f"by{count}"
        done = run(folder, *flags.split(), "--steps", "8", "--save_every", "3", "--name", "a", processes=count)
        assert done.returncode == 0, done.stderr
        made = folder / "runs" / "a"
        states.append([load_checkpoint(path) for path in sorted((made / "checkpoints").glob("step_*.pt"))])
        rows.append(read_metrics(made / "metrics.jsonl"))
    for alone, both in zip(*states, strict=True):
        for name, value in alone["network"].items():
            assert_same_weights(both["network"][name], value)
        for number, memory in alone["optimiser"]["state"].items():
            for name in ("exp_avg", "exp_avg_sq"):
                found = both["optimiser"]["state"][number][name]
                assert float((found - memory[name]).norm()) <= 1e-3 * float(memory[name].norm()) + 1e-12
    for one, two in zip(*rows, strict=True):
        for name, value in one.items():
            if name.startswith("train/") and "per_sec" not in name:
                assert two[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_with_two(runs: tuple[Path, Path], tmp_path: Path) -> None:
    first = run(tmp_path, "--tau", "--topoloss", "--save_every", "3", "--name", "a", processes=1)
    assert first.returncode == 0
    folder = tmp_path / "runs" / "a"
    for path in folder.glob("checkpoints/step_00000005*"):
        path.unlink()
    done = run(tmp_path, "--resume", "auto", "--name", "a")
    assert done.returncode == 0, done.stderr
    ours, theirs = (load_checkpoint(path / "checkpoints" / "step_00000005.pt") for path in (folder, runs[0]))
    for name, value in theirs["network"].items():
        assert_same_weights(ours["network"][name], value)


@pytest.mark.slow
def test_what_the_first_process_cannot_start_none_does(tmp_path: Path) -> None:
    done = run(tmp_path, "--cuda_graph", "on")
    assert done.returncode != 0
    assert "--cuda_graph on needs one process on a CUDA device" in done.stderr
    assert "exitcode  : 2" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_processes_at_the_same_step(tmp_path: Path, number: signal.Signals) -> None:
    flags = ["--steps", "100000", "--save_every", "100000", "--eval_every", "100000", "--name", "t"]
    with subprocess.Popen(command(tmp_path, *flags), stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 3/"):
                break
        process.send_signal(number)
        rest = process.stderr.read()
        process.wait(120)
    assert "stopped after step" in rest
    path = max((tmp_path / "runs" / "t" / "checkpoints").glob("*.pt"))  # the first is of step 0
    stopped = load_checkpoint(path)["step"]
    done = run(tmp_path, "--resume", str(path.parent.parent), "--steps", str(stopped + 2))
    assert done.returncode == 0, done.stderr
    assert load_checkpoint(path.with_name(f"step_{stopped + 2:08d}.pt"))["step"] == stopped + 2


def test_settings_of_speed_need_not_be_in_an_old_config(tmp_path: Path) -> None:
    write_settings(TrainConfig(), tmp_path / "config.json")
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["compile"], settings["cuda_graph"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert read_settings(tmp_path / "config.json").config == dataclasses.replace(TrainConfig())
