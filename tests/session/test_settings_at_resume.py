"""Every setting when a run goes on: it acts, it is refused, or it is one that only says where things are."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from topogrid.runs.checkpoints import save_checkpoint
from topogrid.runs.folder import RunFolder
from topogrid.session.asked import as_given, resolve
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.presets import settings_of
from topogrid.settings.saved import write_settings
from topogrid.streams import make_generators
from topogrid.training.hardware import choose_device
from topogrid.training.state import TrainState, new_state
from topogrid.training.step import train

BASE: dict[str, Any] = {
    "preset": "smoke", "wiring": "dense", "tau": True, "n_grid_cells": 16, "n_place_cells": 32, "pc_width": (0.3,),
    "steps": 8, "batch_size": 4, "warmup_steps": 6, "device": "cpu", "precision": "fp32", "wandb": "disabled",
    "seq_length": 6, "topoloss": True, "recurrent_noise": 0.02, "threads": 1,
}  # fmt: skip
FIELDS = {field.name: field for field in dataclasses.fields(TrainConfig)}
LOCKED = [name for name, field in FIELDS.items() if field.metadata["locked"]]
LEARNING = [name for name, field in FIELDS.items() if field.metadata["group"] == "optimisation" and name not in LOCKED]
# Each with a value that it does not have in BASE.
OTHER: dict[str, Any] = {
    "steps": 12, "even_starts": True, "lr": 0.005, "encoder_lr_scale": 3.0, "readout_lr_scale": 3.0,
    "movement_lr_scale": 3.0, "tau_lr_scale": 3.0, "readout_every": 2, "scale_lr": False,
    "warmup_steps": 2,
    "lr_schedule": "constant", "final_lr_share": 0.5, "weight_decay": 0.1, "weight_decay_towards": "identity",
    "activity_cost": 3.0, "grad_clip": 0.01, "training_feedback": 0.2, "training_feedback_code": "predicted",
    "preset": "dense24", "seed": 7, "box_size": (2.0, 2.0), "dt": 0.01, "seq_length": 7, "periodic": True,
    "n_place_cells": 64, "pc_width": (0.2,), "DoG": False, "surround_scale": 3.0, "surround_amplitude": 0.5,
    "n_grid_cells": 64, "activation": "tanh", "init": "xavier", "input_gain": 2.0, "recurrent_noise": 0.5,
    "signed_start": True, "norm": "module", "drive": 0.5, "wiring": "learned", "modules_per_side": 2,
    "tau": False, "tau_min": 1.5, "tau_max": 8.0, "tau_init": "radial", "learnable_tau": False, "n_bands": 3,
    "tau_smoothness_weight": 0.5, "tau_variance_weight": 0.5, "tau_diversity": "variance", "tau_levels": (2, 4),
    "tau_growth_steps": 3, "tau_own_steps": 7, "tau_growth_lr": 0.5, "topoloss": False, "topoloss_weight": 0.5,
    "topoloss_on": "input", "topoloss_factor": 4, "topoloss_schedule": ("linear",), "batch_size": 5,
    "network": "lstm", "lstm_units": 9, "dropout": 0.1, "movement_gain": 20.0,
    "head_direction_cells": 12, "head_direction_concentration": 5.0,
    "movement_gain_ratio": 2.0, "learn_recurrent": True, "learn_movement": True, "isometry_scale": "tau",
    "isometry_weight": 0.5, "capacity_weight": 0.5, "isometry_states": 9, "walks_to_choose": 2, "readout_steps": 1,
    "readout_length": 30, "movement_free_steps": 2, "late_steps": 1,
    "late_length": 13,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Make a run that was trained for 4 of 8 steps."""
    desk = tmp_path_factory.mktemp("settings")
    config = TrainConfig(**settings_of("smoke", BASE))
    folder = RunFolder.create(desk / "runs", "a", desk / "imgs")
    write_settings(dataclasses.replace(config, name="a"), folder.config_path)
    save_checkpoint(folder, trained(config, 4).state_dict(), 4)
    folder.lock.release()
    return folder


def fresh(config: TrainConfig) -> TrainState:
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells", "walks"))
    return new_state(config, choose_device("cpu"), "fp32", generators)


def trained(config: TrainConfig, steps: int, state: TrainState | None = None) -> TrainState:
    state = state or fresh(config)
    for _record in itertools.islice(train(state, config), steps):
        pass
    return state


def asked(run: RunFolder, **changes: Any) -> TrainConfig:
    return resolve(as_given({"resume": str(run.path), **changes}))


def gone_on(run: RunFolder, config: TrainConfig) -> bytes:
    """Return the weights after two more steps with these settings."""
    from topogrid.runs.checkpoints import find_checkpoint

    state = fresh(config)
    state.load_state_dict(find_checkpoint(run.path).state)
    trained(config, 2, state)
    return b"".join(weight.detach().numpy().tobytes() for weight in state.network.parameters())


def test_every_setting_is_told_here_or_is_none_of_training() -> None:
    assert OTHER.keys() >= {*LOCKED, *LEARNING}
    rest = {field.metadata["group"] for name, field in FIELDS.items() if name not in {*LOCKED, *LEARNING}}
    assert rest == {"run", "evaluation", "tracking"}


@pytest.mark.parametrize("name", LEARNING)
def test_a_setting_of_learning_acts_from_the_checkpoint_on(name: str, run: RunFolder) -> None:
    needs = {
        "weight_decay_towards": {"weight_decay": 0.1}, "training_feedback_code": {"training_feedback": 0.2},
    }.get(name, {})  # fmt: skip
    plain, changed = asked(run, **needs), asked(run, **needs, **{name: OTHER[name]})
    assert getattr(changed, name) == OTHER[name]
    assert gone_on(run, plain) != gone_on(run, changed)


@pytest.mark.parametrize("name", LOCKED)
def test_a_setting_of_the_network_is_refused_as_a_flag(name: str, run: RunFolder) -> None:
    with pytest.raises(SettingsError):
        asked(run, **{name: OTHER[name]})


@pytest.mark.parametrize("name", LOCKED)
def test_a_setting_of_the_network_edited_in_its_file_is_refused(name: str, run: RunFolder, tmp_path: Path) -> None:
    from topogrid.runs.checkpoints import find_checkpoint

    found = json.loads(run.config_path.read_text()) | {name: OTHER[name]}
    edited = tmp_path / "runs" / "a"
    edited.mkdir(parents=True)
    (edited / "config.json").write_text(json.dumps(found))
    try:
        config = asked(RunFolder(edited, edited))
    except SettingsError:
        return  # the settings do not even go together
    with pytest.raises(SettingsError, match=f"than its run has now: .*{name} "):
        fresh(config).load_state_dict(find_checkpoint(run.path).state)


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in {*LOCKED, *LEARNING}])
def test_what_is_no_setting_of_training_moves_no_weight(name: str, run: RunFolder) -> None:
    if name in ("save_dir", "name", "resume"):  # where the run is: it stays there
        return
    others = {"device": "cpu", "precision": "fp32", "threads": 1, "wandb": "disabled"}
    values: dict[str, Any] = {
        "gallery_dir": str(run.path.parent.parent / "other"), "print_every": 1, "eval_every": 3, "save_every": 3,
        "save_minutes": 1.0, "keep_checkpoints": 1, "figure_format": "pdf", "pictures": "main",
        "cuda_graph": "off", "compile": False,
        "eval_walks": 7, "eval_bins": 9, "eval_burn_in": 3, "long_seconds": 2.0, "long_walks": 3,
        "error_seconds": (0.2,), "eval_surrogates": 3, "eval_at_start": False,
        "place_feedback": 0.1, "place_feedback_every": 2, "place_feedback_code": "decoded", "wandb_project": "x",
        "wandb_entity": "x", "wandb_name": "x", "wandb_group": "x", "wandb_tags": ("x",), "wandb_artifact": True,
    }  # fmt: skip
    needs = {name: {"place_feedback": 0.1} for name in ("place_feedback_every", "place_feedback_code")}.get(name, {})
    if name.startswith("wandb_"):
        needs = {"wandb": "offline"}
    changed = asked(run, **needs, **{name: (others | values)[name]})
    assert getattr(changed, name) == (others | values)[name]
    assert gone_on(run, changed) == gone_on(run, asked(run))


@pytest.mark.parametrize("name", ["save_dir", "name"])
def test_a_run_stays_where_it_is(name: str, run: RunFolder) -> None:
    with pytest.raises(SettingsError, match=f"but {name} is"):
        asked(run, **{name: "elsewhere"})


def test_a_file_that_was_sent_does_not_say_where_pictures_go(run: RunFolder, tmp_path: Path) -> None:
    sent = tmp_path / "runs" / "a"
    sent.mkdir(parents=True)
    found = json.loads(run.config_path.read_text()) | {"gallery_dir": str(tmp_path / "somewhere")}
    (sent / "config.json").write_text(json.dumps(found))
    assert asked(RunFolder(sent, sent)).gallery_dir == TrainConfig.gallery_dir
    assert asked(RunFolder(sent, sent), gallery_dir="mine").gallery_dir == "mine"
