"""A checkpoint of the original project is opened as the network that it is, or refused in one line."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from topogrid.evaluation.evaluate import evaluate
from topogrid.model.network import PathIntegrator
from topogrid.runs.errors import CheckpointError
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.fields import LEFT_OUT_SETTINGS
from topogrid.settings.presets import PRESETS
from topogrid.streams import make_generators
from topogrid.trained.original import open_bare
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells

CONFIG = TrainConfig(
    n_grid_cells=36,
    n_place_cells=24,
    pc_width=(0.3,),
    tau=True,
    tau_max=8.0,
    signed_start=True,
    eval_walks=30,
    eval_bins=8,
    long_seconds=0.5,
    long_walks=4,
)
MEASURED = {"eval_walks": 30, "eval_bins": 8, "long_seconds": 0.5, "long_walks": 4}
FLAGS = {"pc_width": 0.3, "tau_max": 8.0, **MEASURED}


def network_and_places(config: TrainConfig = CONFIG) -> tuple[PathIntegrator, PlaceCells]:
    generators = make_generators(5, "cpu", ("weights", "place_cells"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    return network, PlaceCells.from_config(config, generators["place_cells"])


def as_original(network: PathIntegrator) -> dict[str, Any]:
    """Return a checkpoint as the original project writes it."""
    weights = {
        "encoder.weight": network.encoder.detach().clone(),
        "RNN.weight_ih_l0": network.units.w_in.detach().clone(),
        "RNN.weight_hh_l0": network.units.wiring.weight.detach().clone(),
        "decoder.weight": network.readout.detach().clone(),
    }
    if network.units.log_tau is not None:
        weights["RNN.log_tau"] = network.units.log_tau.detach().clone()
    return {"model_state_dict": weights, "step": 700}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return an original checkpoint and its centres."""
    network, places = network_and_places()
    torch.save(as_original(network), tmp_path / "model.pt")
    np.save(tmp_path / "centres.npy", places.centres.numpy())
    return tmp_path / "model.pt", tmp_path / "centres.npy"


def test_an_original_checkpoint_is_measured_as_the_network_it_came_from(files: tuple[Path, Path]) -> None:
    network, places = network_and_places()
    bare = open_bare(files[0], FLAGS, place_cells=files[1])
    assert bare.knows_places
    assert bare.notes == ()
    assert bare.step == 700
    assert bare.config.n_grid_cells == 36
    assert bare.config.tau
    ours = evaluate(Trained(network, places, CONFIG, 0))
    theirs = evaluate(Trained(bare.network, bare.place_cells, bare.config, 0))
    for view, other in ((ours.settled, theirs.settled), (ours.start, theirs.start)):
        np.testing.assert_array_equal(view.rate_maps.maps, other.rate_maps.maps)
        np.testing.assert_array_equal(view.scores.score_60, other.scores.score_60)
        np.testing.assert_array_equal(view.gate.p_value, other.gate.p_value)
    assert ours.decoding.error_cm == theirs.decoding.error_cm


def test_activity_follows_the_original_equation(files: tuple[Path, Path]) -> None:
    weights = torch.load(files[0], weights_only=True)["model_state_dict"]
    bare = open_bare(files[0], FLAGS, place_cells=files[1])
    generator = torch.Generator().manual_seed(1)
    code = torch.rand(3, 24, generator=generator)
    moves = 0.02 * torch.randn(5, 3, 2, generator=generator)
    state, tau = code @ weights["encoder.weight"].T, weights["RNN.log_tau"].exp()
    said = bare.network(code, moves)
    for step, move in enumerate(moves):
        drive = move @ weights["RNN.weight_ih_l0"].T + state @ weights["RNN.weight_hh_l0"].T
        state = (1 - 1 / tau) * state + drive.relu() / tau
        torch.testing.assert_close(said.activity[step], state)
        torch.testing.assert_close(said.logits[step], state @ weights["decoder.weight"].T)


def test_what_is_not_given_is_as_published(files: tuple[Path, Path]) -> None:
    config = open_bare(files[0], {"pc_width": 0.3}).config
    published = PRESETS["original"].settings
    for name in set(LEFT_OUT_SETTINGS) - {"pc_width", "seed"}:
        assert getattr(config, name) == published[name], name


def test_a_plain_network_has_no_time_constants(tmp_path: Path) -> None:
    network, _ = network_and_places(TrainConfig(n_grid_cells=36, n_place_cells=24, pc_width=(0.3,)))
    torch.save(as_original(network), tmp_path / "plain.pt")
    bare = open_bare(tmp_path / "plain.pt", {"pc_width": 0.3})
    assert bare.network.units.tau is None
    assert not bare.config.tau
    with pytest.raises(SettingsError, match="tau_max has no effect on this network"):
        open_bare(tmp_path / "plain.pt", {"pc_width": 0.3, "tau_max": 4.0})


def test_time_constants_outside_their_bounds_are_clamped_and_told(files: tuple[Path, Path]) -> None:
    bare = open_bare(files[0], {"pc_width": 0.3, "tau_max": 4.0})
    tau = bare.network.units.tau
    assert tau is not None
    assert float(tau.detach().max()) == pytest.approx(4.0)
    assert any("time constants were outside 1 to 4 steps" in note for note in bare.notes)


def test_without_centres_they_are_drawn_from_the_seed_and_told(files: tuple[Path, Path]) -> None:
    drawn = [open_bare(files[0], {**FLAGS, "seed": seed}) for seed in (3, 3, 4)]
    assert torch.equal(drawn[0].place_cells.centres, drawn[1].place_cells.centres)
    assert not torch.equal(drawn[0].place_cells.centres, drawn[2].place_cells.centres)
    assert not drawn[0].knows_places
    assert any("decoding means nothing" in note for note in drawn[0].notes)


def test_centres_may_come_as_the_one_array_of_an_npz(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "centres.npz", any_name=np.load(files[1]))
    bare = open_bare(files[0], FLAGS, place_cells=tmp_path / "centres.npz")
    np.testing.assert_array_equal(bare.place_cells.centres.numpy(), np.load(files[1]))


def test_one_of_our_checkpoints_away_from_its_run_brings_its_centres(tmp_path: Path) -> None:
    network, places = network_and_places()
    torch.save({"network": network.state_dict(), "place_centres": places.centres}, tmp_path / "weights.pt")
    bare = open_bare(tmp_path / "weights.pt", {"pc_width": 0.3, "signed_start": True})
    assert bare.knows_places
    assert torch.equal(bare.place_cells.centres, places.centres)
    for name, value in network.state_dict().items():
        assert torch.equal(bare.network.state_dict()[name], value), name
    assert bare.step == 0
    assert any("filed under step 0" in note for note in bare.notes)
    with pytest.raises(SettingsError, match="holds its own place-field centres"):
        open_bare(tmp_path / "weights.pt", {"pc_width": 0.3}, place_cells="centres.npy")


class RunsCode:
    """What unpickling must never call."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return _explode, ("ran",)


def _explode(_: str) -> NoReturn:
    raise AssertionError("code in a checkpoint was run")


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state["model_state_dict"].pop(name)


def _put(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda state: state["model_state_dict"].update({name: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("model_state_dict"), "is no checkpoint of a network.* but step$"),
        (_without("decoder.weight"), r"lacks decoder.weight; it holds encoder.weight, "),
        (_put("RNN.bias_hh_l0", torch.zeros(36)), "holds RNN.bias_hh_l0, which the network here does not have"),
        (_put("encoder.weight", torch.zeros(36)), r"encoder.weight in .* must be \(unit, place\), got \(36,\)"),
        (_put("RNN.weight_ih_l0", torch.zeros(2, 36)), r"RNN.weight_ih_l0 in .* must be \(36, 2\) .* got \(2, 36\)"),
        (_put("RNN.weight_hh_l0", torch.zeros(36, 35)), r"must be \(36, 36\) .* got \(36, 35\)"),
        (_put("RNN.log_tau", torch.zeros(35)), r"RNN.log_tau in .* must be \(36,\) .* got \(35,\)"),
        (_put("decoder.weight", torch.zeros(36, 24)), r"decoder.weight in .* must be \(24, 36\)"),
        (_put("decoder.weight", torch.full((24, 36), torch.nan)), "decoder.weight in .* values that are not finite"),
        (_put("decoder.weight", torch.zeros(24, 36, dtype=torch.int64)), "must be a tensor of floats, got torch.int64"),
        (_put("decoder.weight", 3), "must be a tensor of floats, got int"),
        (lambda state: state.update(hook=RunsCode()), "could run code"),
    ],
)
def test_a_spoilt_checkpoint_is_refused_in_one_line(
    spoil: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    state = as_original(network_and_places()[0])
    spoil(state)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=message) as caught:
        open_bare(tmp_path / "model.pt", FLAGS)
    assert "\n" not in str(caught.value)


def test_broken_files_are_refused_and_never_run(files: tuple[Path, Path], tmp_path: Path) -> None:
    whole = files[0].read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"model_state_dict": RunsCode()}))
    (tmp_path / "empty.pt").touch()
    for name, message in (("half", "is cut off"), ("pickle", "is no checkpoint"), ("empty", "is empty")):
        with pytest.raises(CheckpointError, match=message):
            open_bare(tmp_path / f"{name}.pt")


def test_units_that_fill_no_square_are_refused(tmp_path: Path) -> None:
    state = as_original(network_and_places()[0])
    weights = state["model_state_dict"]
    state["model_state_dict"] = {
        "encoder.weight": weights["encoder.weight"][:35],
        "RNN.weight_ih_l0": weights["RNN.weight_ih_l0"][:35],
        "RNN.weight_hh_l0": weights["RNN.weight_hh_l0"][:35, :35],
        "decoder.weight": weights["decoder.weight"][:, :35],
    }
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(SettingsError, match="n_grid_cells must be a square number"):
        open_bare(tmp_path / "model.pt", {"pc_width": 0.3})


@pytest.mark.parametrize(
    ("centres", "message"),
    [
        (np.zeros((23, 2)), r"must be \(24, 2\), got \(23, 2\)"),
        (np.zeros((2, 24)), r"must be \(24, 2\), got \(2, 24\)"),
        (np.full((24, 2), np.nan), "must be finite"),
        (np.full((24, 2), 2.1), "if they are counted from a corner, subtract half the box"),
        (np.full((24, 2), RunsCode(), dtype=object), "is no .npy or .npz file"),
    ],
)
def test_centres_that_do_not_fit_are_refused(
    centres: np.ndarray, message: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    np.save(tmp_path / "other.npy", centres, allow_pickle=True)
    with pytest.raises(SettingsError, match=message):
        open_bare(files[0], FLAGS, place_cells=tmp_path / "other.npy")


def test_a_file_that_holds_no_centres_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(2))
    (tmp_path / "text.npy").write_text("0, 0")
    for name, message in (("two.npz", "must hold one array"), ("text.npy", "is no .npy"), ("none.npy", "is no .npy")):
        with pytest.raises(SettingsError, match=message):
            open_bare(files[0], FLAGS, place_cells=tmp_path / name)
