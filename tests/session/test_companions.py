"""What a machine cannot do is refused before a run leaves a file; what it can is switched on."""

from pathlib import Path

import pytest
import torch

import train_grid
from topogrid.session import companions
from topogrid.settings.config import TrainConfig
from topogrid.settings.presets import settings_of
from topogrid.training.processes import ALONE


def test_compiling_is_refused_in_a_line_where_it_does_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(companions, "compiler_trouble", lambda _device: "no C++ compiler")
    folders = ["--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs")]
    assert train_grid.main(["--preset", "smoke", "--device", "cpu", "--compile", *folders]) == 2
    said = capsys.readouterr().err.strip()
    assert said == "topogrid: --compile does not work on this machine (no C++ compiler); leave it out"
    assert not any(tmp_path.iterdir())


def test_a_graph_is_refused_in_a_line_without_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--save_dir", str(tmp_path / "runs"), "--gallery_dir", str(tmp_path / "imgs")]
    assert train_grid.main(["--preset", "smoke", "--device", "cpu", "--cuda_graph", "on", *folders]) == 2
    assert "needs one process on a CUDA device, but the device is cpu" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_what_compiles_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "compiler_trouble", lambda _device: "")
    state = companions.build_state(TrainConfig(**settings_of("smoke", {}), device="cpu", compile=True), ALONE)
    assert state.network.units.compiled
    assert state.place_cells.compiled
    plain = companions.build_state(TrainConfig(**settings_of("smoke", {}), device="cpu"), ALONE)
    assert not plain.network.units.compiled
    assert torch.equal(plain.network.units.wiring.weight, state.network.units.wiring.weight)
