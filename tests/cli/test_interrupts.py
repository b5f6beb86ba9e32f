"""Ctrl-C anywhere is one line and 130; a scheduler's signal before training is 143."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_main import ROOT, environment
from topogrid.cli.interrupts import prompt

# Stands where torch would: says that it is being imported, and swallows interrupts, as compiled modules do.
SLOW_PACKAGE = """
import pathlib, time
pathlib.Path("importing").touch()
for _ in range(600):
    try:
        time.sleep(0.1)
    except BaseException:
        pass
"""


def started(words: list[str], where: Path) -> subprocess.Popen[str]:
    (where / "fake" / "torch").mkdir(parents=True)
    (where / "fake" / "torch" / "__init__.py").write_text(SLOW_PACKAGE)
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=where,
        env=environment(PYTHONPATH=f"{where / 'fake'}:{ROOT}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not (where / "importing").exists() and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


COMMANDS = {
    "train_grid.py": [str(ROOT / "train_grid.py"), "--preset", "smoke"],
    "topogrid train": ["-m", "topogrid", "train", "--preset", "smoke"],
    "topogrid": ["-m", "topogrid", "analyze", "."],
}


@pytest.mark.parametrize("program", COMMANDS)
def test_ctrl_c_while_importing_is_one_line_and_130(program: str, tmp_path: Path) -> None:
    process = started(COMMANDS[program], tmp_path)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == (130, "", f"{program}: stopped by Ctrl-C\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_schedulers_signal_while_importing_is_143(name: str, tmp_path: Path) -> None:
    process = started(COMMANDS["train_grid.py"], tmp_path)
    process.send_signal(getattr(signal, name))
    _out, said = process.communicate(timeout=30)
    assert (process.returncode, said.count("\n")) == (143, 1)


def test_elsewhere_ctrl_c_is_what_it_always_is() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), prompt("x"):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_ignored_on_purpose_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with prompt("x", also_schedulers=True):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_at_work_is_one_line_and_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from topogrid.cli import main as front

    def interrupted(_words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(front, "_run", interrupted)
    assert front.main(["list"]) == 130
    assert capsys.readouterr().err == "topogrid: stopped by Ctrl-C\n"
