"""A run folder is locked by what the system has, and nothing needs a system's own module to be imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Modules of one system alone are not there; every module of the package is imported all the same.
ELSEWHERE = """
import importlib, pathlib, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "syslog"):
    sys.modules[name] = None
"""
IMPORT_ALL = """
root = pathlib.Path(sys.argv[1])
for path in sorted((root / "topogrid").rglob("*.py")):
    if path.name != "__main__.py":
        parts = path.relative_to(root).with_suffix("").parts
        importlib.import_module(".".join(part for part in parts if part != "__init__"))
"""
# What Windows has, told by the file that is open: a lock that another descriptor holds is refused with EACCES.
LOCKED_BYTES = """
import errno, os, types
held = set()
windows = types.ModuleType("msvcrt")
windows.LK_NBLCK = 2
def locking(descriptor, mode, number):
    assert (mode, number) == (2, 1) and os.lseek(descriptor, 0, os.SEEK_CUR) > 1000
    file = os.fstat(descriptor).st_ino
    if file in held:
        raise PermissionError(errno.EACCES, "denied")
    held.add(file)
windows.locking = locking
sys.modules["msvcrt"] = windows
"""
TWICE = """
from topogrid.runs.folder import RunFolder, RunInUseError
first = RunFolder.create("runs", "a", "imgs")
try:
    RunFolder(first.path, first.gallery).lock.acquire()
except RunInUseError as error:
    print("refused:", error)
print("note:", first.lock.note)
"""


def elsewhere(program: str, where: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + program, str(ROOT)],
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_nothing_is_bound_to_a_system_when_it_is_imported(tmp_path: Path) -> None:
    assert elsewhere(IMPORT_ALL, tmp_path) == ""


def test_where_bytes_are_locked_a_second_process_is_refused(tmp_path: Path) -> None:
    said = elsewhere(LOCKED_BYTES + TWICE, tmp_path)
    assert "refused: runs/a is in use by process" in said
    assert said.endswith("note: \n")


def test_where_there_are_no_locks_that_is_said(tmp_path: Path) -> None:
    said = elsewhere(TWICE, tmp_path)
    assert "refused" not in said
    assert "without locks" in said
