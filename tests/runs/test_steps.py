"""Files are found by the step in their name, the newest first, and nothing else passes for one."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topogrid.runs.steps import by_step, saved_steps, step_of


@given(st.integers(0, 10**15 - 1), st.sampled_from([".pt", ".npz"]))
def test_a_step_is_read_back_from_the_name_it_was_put_into(step: int, suffix: str) -> None:
    assert step_of(Path("anywhere") / f"step_{step:08d}{suffix}") == step


@pytest.mark.parametrize(
    "name",
    ["step_.pt", "step_-1.pt", "step_5.pt.sha256", "astep_5.pt", "step_5.ptx", "step_5.0.pt", "step_1e3.pt",
     "step_" + "1" * 16 + ".pt", "step_\u0665.pt", "best.pt"],
)  # fmt: skip
def test_any_other_name_is_of_no_step(name: str) -> None:
    assert step_of(Path(name)) is None


def test_files_come_by_their_number_and_not_by_their_name(tmp_path: Path) -> None:
    for name in ("step_9.pt", "step_00000010.pt", "step_100000000.pt", "step_00000011.npz", "other.pt"):
        (tmp_path / name).touch()
    (tmp_path / "step_00000012.pt").mkdir()
    assert [one.step for one in by_step(tmp_path, ".pt")] == [100_000_000, 10, 9]
    assert [one.step for one in by_step(tmp_path, ".npz")] == [11]
    assert by_step(tmp_path / "nowhere", ".pt") == []


def test_only_regular_files_are_checkpoints_that_were_saved(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "step_00000001.pt").touch()
    (folder / "step_00000002.pt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "step_00000003.pt")
    assert [one.step for one in by_step(folder, ".pt")] == [3, 2, 1]
    assert saved_steps(tmp_path) == [1]
