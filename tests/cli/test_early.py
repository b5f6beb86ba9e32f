"""Ctrl-C before anything of the command line is there ends the process without a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_main import ROOT, environment
from topogrid.cli.early import end_silently

# Presses Ctrl-C when the module that answers it begins to be imported.
PRESS = """
import importlib.abc, signal, sys

class Press(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "topogrid.cli.interrupts":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
"""


@pytest.mark.parametrize("program", [["-m", "topogrid", "list"], [str(ROOT / "train_grid.py"), "--help"]])
def test_ctrl_c_before_it_can_be_answered_is_silent(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(PRESS)
    done = subprocess.run(
        [sys.executable, *program],
        cwd=tmp_path,
        env=environment(PYTHONPATH=f"{tmp_path}:{ROOT}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")  # a shell says 130


def test_what_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        for there, then in ((signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)):
            signal.signal(signal.SIGINT, there)
            end_silently()
            assert signal.getsignal(signal.SIGINT) is then
    finally:
        signal.signal(signal.SIGINT, before)


def test_importing_the_package_imports_next_to_nothing() -> None:
    check = "import sys; before = set(sys.modules); import topogrid; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"typing", "enum", "re"} & set(done.stdout.split())
