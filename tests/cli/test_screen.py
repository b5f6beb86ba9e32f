"""Output that nobody reads ends nothing, and text is shown as what it is."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_main import ROOT, environment
from tests.made_runs import made_run
from topogrid.cli.screen import dependable, escaped

PROGRAM = f"{sys.executable} -m topogrid"


def shell(line: str, where: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    line = line.replace("topogrid", PROGRAM)
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=where,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "line",
    [
        "topogrid list | true",
        "topogrid list | head -c 1 >/dev/null",
        "topogrid list >/dev/full",
        "topogrid list >&-",
        "topogrid list >&- 2>&-",
        "topogrid list 2>&-",
        "topogrid --help >/dev/full",
        "topogrid train --help >/dev/full 2>&1",
        "topogrid --version >&-",
    ],
)
def test_output_that_nobody_reads_ends_nothing(line: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        made_run(tmp_path / "runs" / name)
    done = shell(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("line", ["topogrid nonsense 2>/dev/full", "topogrid list nowhere 2>&-", "topogrid x >&- 2>&-"])
def test_an_error_that_nobody_reads_is_still_an_error(line: str, tmp_path: Path) -> None:
    assert shell(line, tmp_path).returncode == 2


def test_a_name_that_the_terminal_cannot_show_is_shown_by_its_code(tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "a").rename(tmp_path / "runs" / "\u00fc")
    done = shell("topogrid list", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "\\xfc" in done.stdout


def test_what_does_not_print_is_written_out() -> None:
    assert escaped("a\nb\x1b[2J\u202e\udcff\u00fc") == "a\\nb\\x1b[2J\\u202e\\udcff\u00fc"


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_streams_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    full, closed = _Full(), io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", closed)
    with dependable():
        sys.stdout.write("lost")
        sys.stderr.write("lost")
        assert not sys.stderr.isatty()
    assert sys.stdout is full
    assert sys.stderr is closed


def test_descriptors_that_were_closed_are_nobodys(tmp_path: Path) -> None:
    """A file that is opened later must not take the number of stderr, and with it what is written there."""
    program = (
        "import os; from topogrid.cli.screen import dependable\n"
        "with dependable():\n"
        f"    file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "    os.write(2, b'not for the file')\n"
        "    raise SystemExit(file.fileno() <= 2)\n"
    )
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == ""
