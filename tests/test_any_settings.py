"""Whatever somebody asks for, a run of two steps works, or it is refused with exit code 2 and one line."""

import dataclasses
import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import train_grid
from topogrid import evaluation, session
from topogrid.analysis import grid_gate
from topogrid.config import KINDS, TrainConfig

SMALLEST = {
    "preset": "smoke",
    "wandb": "disabled",
    "device": "cpu",
    "n_grid_cells": "16",
    "eval_walks": "2",
    "eval_bins": "6",
    "long_walks": "2",
    "long_seconds": "0.1",
    "batch_size": "3",
}
FIXED = {"steps": "2", "save_dir": "runs", "gallery_dir": "imgs"}
LEFT_OUT = {*FIXED, "name", "resume", "preset", "device", "wandb", "threads"}

# Sizes that are allowed and take too long to train with are no matter of these tests; what memory cannot hold is.
SIZES = {
    "n_grid_cells": [4, 9, 15, 16, 36, 10**12, 10**15, 0, -4],
    "n_place_cells": [1, 3, 7, 32, 10**12, 0],
    "batch_size": [1, 2, 7, 10**13, 0],
    "seq_length": [1, 2, 9, 10**13, 0],
    "eval_walks": [1, 3, 0],
    "eval_bins": [4, 5, 9, 201],
    "long_walks": [1, 2, 0],
    "long_seconds": [0.001, 0.05, 0.3, 0, 4000],
    "eval_burn_in": ["auto", 0, 1, 60, -1],
    "tau_max": [0.5, 1, 1.5, 6, 30, 1e7],
    "n_modules": [0, 1, 2, 5, 10**6],
    "topoloss_factor": [1, 2, 3, 100],
}


def values_of(field: dataclasses.Field[Any]) -> st.SearchStrategy[str]:
    """Values to try for a setting: good, on the edge, beyond it, and of the wrong kind."""
    kind, bounds, choices = KINDS[field.name], field.metadata["bounds"], field.metadata["choices"]
    wrong = st.sampled_from(
        ["", "nan", "inf", "-inf", "-1", "1e400", "yes", "auto", "1e-300", "0", "é", "many", "0x10"]
    )
    if field.name in SIZES:
        return st.sampled_from([str(value) for value in SIZES[field.name]]) | wrong
    if choices:
        return st.sampled_from(list(choices)) | wrong
    if kind is bool:
        return st.sampled_from(["true", "false"]) | wrong
    if kind is str or kind == tuple[str, ...]:
        return st.text(st.characters(codec="utf-8", exclude_characters=" \n\r"), min_size=1, max_size=8)
    low, high = bounds.low, bounds.high
    edges = st.sampled_from([low, high, 2 * high + 1, low - 1])
    inside = st.floats(low, min(high, max(1.0, 10 * abs(low))), allow_nan=False)
    if kind is int:
        return (st.integers(int(low), int(min(high, low + 40))) | edges.map(int)).map(str) | wrong
    return (inside | edges).map(str) | wrong


FIELDS = [field for field in dataclasses.fields(TrainConfig) if field.name not in LEFT_OUT]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line with a handful of settings."""
    chosen = draw(st.lists(st.sampled_from(FIELDS), max_size=6, unique_by=lambda field: field.name))
    wanted = dict(SMALLEST) | {field.name: draw(values_of(field)) for field in chosen} | FIXED
    for switch in ("tau", "topoloss"):
        # Settings of a feature have no effect without it, and are refused: mostly it is on.
        if any(switch in field.metadata["needs"] for field in chosen) and draw(st.integers(0, 9)):
            wanted[switch] = "true"
    return [f"--{name}={value}" for name, value in wanted.items()]


def check(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Train for two steps; return the exit code."""
    try:
        code = train_grid.main(arguments)
        said = capsys.readouterr()
        if code == 2:
            assert said.err.count("\n") == 1, said.err
            assert said.err.startswith("train_grid.py: "), said.err
            assert not any(folder.iterdir()), "something was written"
        else:
            assert code == 0, said.err
            assert "Traceback" not in said.err
            (run,) = (folder / "runs").iterdir()
            assert (run / "checkpoints" / "step_00000002.pt").is_file()
    finally:
        for made in folder.iterdir():
            shutil.rmtree(made)
    return code


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without pictures and with few surrogates."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("topogrid.presets.machine_memory", lambda: 2**32)
    monkeypatch.setattr(session, "draw_evaluation", lambda *args, **kwargs: {})
    monkeypatch.setattr(session.Run, "_tau_picture", lambda self, step: {})
    monkeypatch.setattr(evaluation, "grid_gate", functools.partial(grid_gate, n_surrogates=4))
    return tmp_path


def explore(n_examples: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[int, int]:
    """Try so many command lines; return how many ended with each exit code."""
    codes: dict[int, int] = {}

    @settings(max_examples=n_examples, suppress_health_check=list(HealthCheck))
    @given(arguments=command_lines())
    def run(arguments: list[str]) -> None:
        code = check(folder, arguments, capsys)
        codes[code] = codes.get(code, 0) + 1

    run()
    return codes


def test_thirty_settings_train_or_are_refused(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = explore(30, quick, capsys)
    assert set(codes) == {0, 2}


@pytest.mark.slow
def test_five_hundred_settings_train_or_are_refused(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = explore(500, quick, capsys)
    assert sum(codes.values()) >= 500
    assert min(codes[0], codes[2]) > 50
