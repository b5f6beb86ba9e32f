"""Settings drawn at random, and what a run of two steps makes of them."""

import contextlib
import dataclasses
import functools
import io
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import train_grid
from topogrid.analysis import grid_gate
from topogrid.analysis.maps import units
from topogrid.session import run as session
from topogrid.settings.config import KINDS, TrainConfig
from topogrid.settings.kinds import OF_TYPE

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
# Whether there is a compiler is a matter of the machine, and asking takes seconds.
LEFT_OUT = {*FIXED, "name", "resume", "preset", "device", "wandb", "threads", "compile"}

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
    "n_bands": [0, 1, 2, 5, 10**6],
    "topoloss_factor": [1, 2, 3, 100],
    "lstm_units": [1, 2, 9, 10**9, 0],
    "head_direction_cells": [0, 1, 2, 3, 12, 4097],
    "topoloss_schedule": ["constant", "linear", "cosine:1", "constant:1:0 linear:1:0:1", "linear:1", "cosine:1:1:0 x"],
    "modules_per_side": [0, 1, 2, 3, 4],
    "movement_free_steps": [0, 3, 10**9],
    "late_steps": [0, 2, 10**9],
    "late_length": [1, 7, 10**13, 0],
    "isometry_states": [1, 2, 40, 10**6],
    "walks_to_choose": [0, 1, 3],
    "readout_length": [1, 5, 10**13, 0],
    "tau_own_steps": [0, 1, 3, 10**6],
    "tau_levels": [1, 2, 4, 100],
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
    if kind.switch:
        return st.sampled_from(["true", "false"]) | wrong
    if kind in (OF_TYPE[str], OF_TYPE[tuple[str, ...]]):
        return st.text(st.characters(codec="utf-8", exclude_characters=" \n\r"), min_size=1, max_size=8)
    low, high = bounds.low, bounds.high
    edges = st.sampled_from([low, high, 2 * high + 1, low - 1])
    inside = st.floats(low, min(high, max(1.0, 10 * abs(low))), allow_nan=False)
    if kind in (OF_TYPE[int], OF_TYPE[int | str]):
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


def try_out(arguments: list[str], folder: Path) -> int:
    """Train for two steps in an empty folder; return the exit code, having checked what belongs to it."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            code = train_grid.main(arguments)
        text = said.getvalue()
        assert "Traceback" not in text
        if code == 2:
            assert text.count("\n") == 1, text
            assert text.startswith(("train_grid.py: ", "topogrid: ")), text
            assert not any(folder.iterdir()), "something was written"
        elif code == 3:
            # A learning rate of 1 is allowed, and what it does is told.
            assert "is not finite" in text
            assert list(folder.glob("runs/*/nonfinite_*.pt"))
        else:
            assert code == 0, text
            (run,) = (folder / "runs").iterdir()
            assert (run / "checkpoints" / "step_00000002.pt").is_file()
    finally:
        for made in folder.iterdir():
            shutil.rmtree(made)
    return code


@contextlib.contextmanager
def in_little_time(folder: Path) -> Iterator[None]:
    """Work in a folder on a machine of 4 GiB, without pictures and with few surrogates."""
    with (
        contextlib.chdir(folder),
        patch("topogrid.settings.machine.machine_memory", lambda: 2**32),
        patch.object(session, "draw_evaluation", lambda *args, **kwargs: {}),
        patch.object(session, "tau_picture", lambda *given: {}),
        patch.object(session.WatchedPictures, "of_step", lambda *given: {}),
        patch.object(units, "grid_gate", functools.partial(grid_gate, n_surrogates=4)),
    ):
        yield


def explore(n_examples: int, folder: Path) -> Counter[int]:
    """Try so many command lines; return how many ended with each exit code."""
    codes: Counter[int] = Counter()

    @settings(
        max_examples=n_examples, deadline=None, database=None, derandomize=True, suppress_health_check=HealthCheck
    )
    @given(arguments=command_lines())
    def run(arguments: list[str]) -> None:
        codes[try_out(arguments, folder)] += 1

    with in_little_time(folder):
        run()
    return codes
