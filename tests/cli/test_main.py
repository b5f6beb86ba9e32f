"""The first second: what the program is, what it was meant to be told, and that nothing slow is imported for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import topogrid
from tests.made_runs import made_run
from topogrid.cli.main import COMMANDS, MEANT, main

ROOT = Path(__file__).resolve().parents[2]
SLOW = ("torch", "matplotlib", "scipy", "wandb")

# Answers a command line and reports, as the last line of stderr, the processor's seconds and the slow packages.
ASK = f"""
import json, sys, time
from topogrid.cli.main import main
code = main(sys.argv[1:])
slow = [name for name in {SLOW!r} if name in sys.modules]
print(json.dumps([code, time.process_time(), slow]), file=sys.stderr)
"""


def environment(**changes: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | changes


def ask(*words: str, where: Path, **changes: str) -> tuple[int, float, list[str], str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, *words],
        cwd=where,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
    )
    *said, last = done.stderr.splitlines()
    code, seconds, slow = json.loads(last)
    return code, seconds, slow, done.stdout, said


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_takes_is_said_at_once(name: str, tmp_path: Path) -> None:
    code, seconds, slow, out, said = ask(name, "--help", where=tmp_path)
    assert (code, slow, said) == (0, [], [])
    assert f"usage: topogrid {name} " in out
    assert seconds < 1


@pytest.mark.parametrize(
    "words",
    [
        "open nowhere", "analyze nowhere", "intervene nowhere", "follow nowhere sargolini",
        "export nowhere x.safetensors", "train --smoke",
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_at_once(words: str, tmp_path: Path) -> None:
    code, seconds, slow, out, said = ask(*words.split(), where=tmp_path)
    assert (code, slow, out, len(said)) == (2, [], "", 1)
    assert "there is no such folder" in said[0] or "did you mean --preset smoke?" in said[0]
    assert seconds < 1


def test_runs_are_listed_at_once(tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "mine")
    code, seconds, slow, out, said = ask("list", where=tmp_path)
    assert (code, slow, said) == (0, [], [])
    assert "mine" in out
    assert seconds < 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lst"], "topogrid: there is no command 'lst'; did you mean list?"),
        (["ls"], "topogrid: there is no command 'ls'; did you mean list?"),
        (["evaluate"], "topogrid: there is no command 'evaluate'; did you mean analyze?"),
        (["qqqqq"], "topogrid: there is no command 'qqqqq'; topogrid alone lists the commands"),
        (["a\nb\x1b[2J"], "topogrid: there is no command 'a\\nb\\x1b[2J'; topogrid alone lists the commands"),
        (["--verion"], "topogrid: unknown flag '--verion'; did you mean --version?"),
        (["--tau"], "topogrid: unknown flag '--tau'; the command comes first, as in topogrid train --tau"),
        (["list", "--fodler"], "topogrid list: unknown flag '--fodler'; see --help"),
        (["list", "a", "b"], "topogrid list: 'b' is one word too many; see --help"),
        (["open"], "topogrid open: the following arguments are required: run; see --help"),
        (["open", "x", "--no-brwser"], "topogrid open: unknown flag '--no-brwser'; did you mean --no-browser?"),
        (["analyze", "x", "--eval_wlks=3"], "topogrid analyze: unknown flag '--eval_wlks'; did you mean --eval_walks?"),
        (["analyze", "x", "--out"], "topogrid analyze: --out needs a value; see --help"),
        (["train", "--learning_rate", "1"], "topogrid train: unknown flag '--learning_rate'; did you mean --lr?"),
        (["train", "--hidden-size=9"], "topogrid train: unknown flag '--hidden_size'; did you mean --n_grid_cells?"),
    ],
)
def test_what_was_meant_is_said_in_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{line}\n")


def test_hints_lead_to_what_there_is() -> None:
    assert set(MEANT.values()) <= set(COMMANDS)
    assert set(MEANT).isdisjoint(COMMANDS)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_commands_are_listed_in_the_order_in_which_people_use_them(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    out = capsys.readouterr().out
    wanted = [
        "train",
        "list",
        "open",
        "intervene",
        "follow",
        "analyze",
        "compare",
        "theory",
        "continuous",
        "study",
        "export",
        "replay",
    ]
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == wanted


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_the_version_is_said(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--version"]) == 0
    assert capsys.readouterr().out == f"topogrid {topogrid.__version__}\n"


def test_training_is_a_command_that_says_its_own_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--n_grid_cells", "10"]) == 2
    assert capsys.readouterr().err.startswith("topogrid train: n_grid_cells must be a square number")
    assert main(["train", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: topogrid train [--tau]")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("train", "list")])
def test_an_error_sends_no_control_character(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    more = {"follow": ["sargolini"], "export": ["out.safetensors"]}.get(name, [])
    assert main([name, "no\x1b[31m\nsuch\u202e", *more]) == 2
    said = capsys.readouterr().err
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_a_backend_that_nobody_knows_does_no_harm() -> None:
    program = "from topogrid.cli.main import main; main(['--version']); import matplotlib.figure"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(MPLBACKEND="garbage"), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
