"""Weights travel through safetensors bit for bit, and nothing that is not such a file is believed."""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from topogrid.cli.main import main as topogrid_main
from topogrid.evaluation.reanalysis import results_folder
from topogrid.model.network import PathIntegrator
from topogrid.runs.checkpoints import save_checkpoint
from topogrid.runs.errors import CheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.trained.opening import PUBLISHED, open_trained
from topogrid.trained.run import open_run
from topogrid.trained.safetensors import export_weights, import_weights
from topogrid.world.place_cells import PlaceCells

CONFIG = TrainConfig(n_grid_cells=16, n_place_cells=32, tau=True, name="run", pc_width=(0.3,))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Make a run with a network that was never trained."""
    folder = RunFolder.create(tmp_path / "runs", "run", tmp_path / "imgs")
    write_settings(CONFIG, folder.config_path)
    generator = torch.Generator().manual_seed(3)
    network = PathIntegrator.from_config(CONFIG, generator=generator)
    centres = PlaceCells.from_config(CONFIG, generator).centres
    save_checkpoint(folder, {"step": 70, "network": network.state_dict(), "place_centres": centres}, 70)
    folder.lock.release()
    return folder.path


def test_there_and_back_changes_nothing(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weights.safetensors"
    assert topogrid_main(["export", str(run_folder), str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    run, back = open_run(run_folder), import_weights(path)
    assert (back.config, back.step) == (run.config, 70)
    assert torch.equal(back.place_cells.centres, run.place_cells.centres)
    for name, value in run.network.state_dict().items():
        assert torch.equal(back.network.state_dict()[name], value), name
    assert set(load_file(path)) == {*run.network.state_dict(), "place_centres"}


def test_analyze_opens_an_exported_file(run_folder: Path, tmp_path: Path) -> None:
    path = export_weights(open_run(run_folder), tmp_path / "weights.safetensors")
    opened = open_trained(path, settings={"eval_walks": 3})
    assert (opened.step, opened.config.eval_walks, opened.knows_places) == (70, 3, True)
    assert results_folder(opened, path).path == tmp_path / "weights_analysis"
    with pytest.raises(ValueError, match="knows its own box_size"):
        open_trained(path, settings={"box_size": 1.0})


@pytest.mark.parametrize(
    ("name", "message"),
    [("weights.pt", r"named \*\.safetensors"), ("there.safetensors", "exists and is not overwritten")],
)
def test_an_export_overwrites_nothing(run_folder: Path, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "there.safetensors").write_text("mine")
    with pytest.raises(ValueError, match=message):
        export_weights(open_run(run_folder), tmp_path / name)
    assert (tmp_path / "there.safetensors").read_text() == "mine"
    assert not (tmp_path / "weights.pt").exists()


def test_without_the_package_the_remedy_is_named(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(CheckpointError, match="pip install"):
        export_weights(open_run(run_folder), tmp_path / "weights.safetensors")
    assert not (tmp_path / "weights.safetensors").exists()


def _rewrite(path: Path, *, metadata: dict[str, Any] | None = None, **tensors: torch.Tensor | None) -> None:
    """Write an exported file again with some of its content changed."""
    header_length = struct.unpack("<Q", path.read_bytes()[:8])[0]
    known = json.loads(path.read_bytes()[8 : 8 + header_length])["__metadata__"]
    content = load_file(path) | {name.replace("__", "."): value for name, value in tensors.items()}
    kept = {name: value for name, value in content.items() if value is not None}
    described = {name: value for name, value in (known | (metadata or {})).items() if value is not None}
    save_file(kept, path, metadata=described)


def _flip_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[12] ^= 0xFF
    path.write_bytes(data)


def _settings(**changes: object) -> str:
    return json.dumps(CONFIG.__dict__ | changes)


SPOIL = {
    "empty": (lambda path: path.write_bytes(b""), "is no safetensors file"),
    "HTML": (lambda path: path.write_text("<html>404 not found</html>"), "is no safetensors file"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-50]), "is no safetensors file"),
    "flipped": (_flip_header, "is no safetensors file"),
    "pickle": (lambda path: torch.save({"a": torch.ones(1)}, path), "is no safetensors file"),
    "huge header": (lambda path: path.write_bytes(struct.pack("<Q", 2**62) + b"{}"), "is no safetensors file"),
    "huge tensor": (
        lambda path: path.write_bytes(_header(dtype="F32", shape=[10**9, 10**9], data_offsets=[0, 4])),
        "is no safetensors file",
    ),
    "foreign": (lambda path: save_file({"a": torch.ones(2)}, path), "was not exported by topogrid"),
    "no settings": (lambda path: _rewrite(path, metadata={"config": None}), "holds no settings"),
    "settings of a list": (lambda path: _rewrite(path, metadata={"config": "[[1, 2, 3]]"}), "holds no settings"),
    "other settings": (
        lambda path: _rewrite(path, metadata={"config": _settings(colour="red")}),
        "has unknown settings",
    ),
    "bad settings": (lambda path: _rewrite(path, metadata={"config": _settings(dt=-1.0)}), "dt must be 1e-06 to 1 s"),
    "absurd": (
        lambda path: _rewrite(path, metadata={"config": _settings(n_grid_cells=10**12)}),
        r"needs at least 3\.73e\+15 GiB of memory",
    ),
    "wrong step": (lambda path: _rewrite(path, metadata={"step": "-1"}), "must be a whole number of steps"),
    "no centres": (lambda path: _rewrite(path, place_centres=None), "lacks place_centres"),
    "wrong centres": (lambda path: _rewrite(path, place_centres=torch.zeros(3, 2)), r"must be \(32, 2\), got \(3, 2\)"),
    "missing": (lambda path: _rewrite(path, units__wiring__weight=None), r"lacks units\.wiring\.weight"),
    "unknown": (lambda path: _rewrite(path, hook=torch.ones(1)), "holds hook, which"),
    "whole numbers": (lambda path: _rewrite(path, encoder=torch.ones(16, 32, dtype=torch.int64)), "tensor of floats"),
    "other shape": (lambda path: _rewrite(path, readout=torch.zeros(16, 32)), r"must be \(32, 16\)"),
    "other network": (lambda path: _rewrite(path, units__log_tau=None), "its settings say n_grid_cells 16"),
    "NaN": (lambda path: _rewrite(path, readout=torch.full((32, 16), torch.nan)), "values that are not finite"),
}


def _header(**entry: Any) -> bytes:
    text = json.dumps({"encoder": entry}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4)


@pytest.mark.parametrize("kind", SPOIL)
def test_a_spoilt_file_is_refused_in_one_line(
    kind: str, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, message = SPOIL[kind]
    path = export_weights(open_run(run_folder), tmp_path / "weights.safetensors")
    spoil(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((CheckpointError, ValueError), match=message):
        import_weights(path)
    assert topogrid_main(["analyze", str(path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_weights_and_settings_by_their_names_of_0_1_0_open(run_folder: Path, tmp_path: Path) -> None:
    """Recurrent weights were `units.w_rec`, and bands of a layout of tau were modules."""
    path = export_weights(open_run(run_folder), tmp_path / "weights.safetensors")
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name.replace("units.wiring.weight", "units.w_rec"): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    config = json.loads(metadata["config"])
    config["n_modules"], config["tau_init"] = 3, "modules"
    del config["n_bands"]
    old = tmp_path / "old.safetensors"
    save_file(tensors, old, metadata=metadata | {"config": json.dumps(config)})
    back = import_weights(old)
    assert (back.config.n_bands, back.config.tau_init, back.config.wiring) == (3, "bands", "dense")
    for name, value in open_run(run_folder).network.state_dict().items():
        assert torch.equal(back.network.state_dict()[name], value), name


def test_half_precision_takes_half_the_room_and_keeps_time_constants(run_folder: Path, tmp_path: Path) -> None:
    whole, half = (tmp_path / f"{name}.safetensors" for name in ("whole", "half"))
    trained = open_run(run_folder)
    export_weights(trained, whole)
    assert topogrid_main(["export", str(run_folder), str(half), "--half"]) == 0
    weights = {name: value.numel() for name, value in trained.network.state_dict().items() if "log_tau" not in name}
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * sum(weights.values()), abs=200)
    back = import_weights(half)
    assert "rounded to half precision" in back.notes[0]
    assert import_weights(whole).notes == ()
    for name, value in trained.network.state_dict().items():
        again = back.network.state_dict()[name]
        assert again.dtype == torch.float32
        torch.testing.assert_close(again, value, rtol=1e-3, atol=1e-6)
    assert torch.equal(back.network.units.log_tau, trained.network.units.log_tau)


def test_what_half_precision_cannot_hold_is_refused(run_folder: Path, tmp_path: Path) -> None:
    trained = open_run(run_folder)
    with torch.no_grad():
        trained.network.readout[0, 0] = 1e6
    with pytest.raises(CheckpointError, match="readout has values above 65504; leave --half out"):
        export_weights(trained, tmp_path / "half.safetensors", half=True)
    assert not (tmp_path / "half.safetensors").exists()


def test_the_folder_of_a_published_network_is_opened_by_its_weights(run_folder: Path, tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    export_weights(open_run(run_folder), published / PUBLISHED)
    assert open_trained(published).step == 70
    assert results_folder(open_trained(published), published).path == tmp_path / "published_analysis"
    assert open_trained(run_folder).origin != open_trained(published).origin
