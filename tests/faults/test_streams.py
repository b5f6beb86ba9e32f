"""Nobody reads what is said: training does not notice, and what was said is in ``log.txt``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import Server, flags, logged
from tests.faults.server import OUTPUTS, ROOT

STEPS = 400


QUICK = "pipe without a reader"  # of several outputs, one is tried in every test run


def each(names: list[str]) -> list[object]:
    return [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("output", each([name for name in OUTPUTS if name != "log"]))
def test_a_run_ends_well_whatever_its_output_is(server: Server, folder: Path, output: str) -> None:
    name = output.replace(" ", "-")
    run = server.start(*flags(name=name, steps=STEPS, print_every=1, eval_every=1000, save_every=1000), output=output)
    assert run.wait() == 0
    path = folder / "runs" / name
    assert [row["step"] for row in logged(path) if "train/total_loss" in row] == list(range(1, STEPS + 1))
    assert (path / "checkpoints" / f"step_{STEPS:08d}.pt").is_file()
    said = (path / "log.txt").read_text()
    assert f"step {STEPS}/{STEPS}" in said
    assert "Run folder:" in said


@pytest.mark.slow
@pytest.mark.parametrize("output", ["full disk", "pipe that nobody drains", "closed"])
def test_what_cannot_start_still_says_so_by_its_exit_code(server: Server, output: str) -> None:
    run = server.start(*flags(name="never", wandb="online"), output=output, environment={"WANDB_API_KEY": ""})
    assert run.wait() == 2


def command(*words: str, **streams: object) -> int:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "topogrid", *words], env=environment, check=False, **streams
    ).returncode


def test_other_commands_end_quietly_without_a_reader(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for stdout in (writer, os.open("/dev/full", os.O_WRONLY)):
            told = tmp_path / "told"
            with told.open("w") as stderr:
                assert command("--help", stdout=stdout, stderr=stderr) == 0
                assert command("list", str(tmp_path), stdout=stdout, stderr=stderr) in (0, 2)
            assert "Broken pipe" not in told.read_text()
            assert "Traceback" not in told.read_text()
    finally:
        os.close(writer)
