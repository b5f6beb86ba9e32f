"""Weights are written with their settings, opened again as they were, and never over another file."""

from pathlib import Path

import pytest
import torch

from tests.saved_runs import DATA, KEPT_VERSION
from topogrid.cli.main import main
from topogrid.trained.opening import open_trained

RUN = DATA / KEPT_VERSION / "dense"


def test_what_is_written_opens_as_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.safetensors"
    assert main(["export", str(RUN), str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    here, there = open_trained(RUN), open_trained(path)
    assert (there.step, there.config) == (here.step, here.config)
    for name, value in here.network.state_dict().items():
        assert torch.equal(there.network.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["w.pt", "there.safetensors"])
def test_another_suffix_and_a_file_that_is_there_are_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.safetensors").write_text("precious")
    assert main(["export", str(RUN), str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert (tmp_path / "there.safetensors").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(RUN), str(tmp_path / "w.safetensors"), "--checkpoint", "none.pt"]) == 2
    assert capsys.readouterr().err.startswith("topogrid export: there is no checkpoint file none.pt")
    assert not list(tmp_path.iterdir())


def test_no_name_of_a_file_moves_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a\x1b[2J.safetensors", tmp_path / "b\n\x1b[31m.safetensors"
    assert main(["export", str(RUN), str(first)]) == 0
    assert main(["export", str(first), str(second)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines), lines
