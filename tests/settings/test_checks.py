"""Settings that do not go together are refused in one line with a remedy, and limits are where they are said to be."""

import dataclasses
import math
from typing import Any

import pytest
import torch

from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.world.place_cells import PlaceCells


@pytest.mark.parametrize(("n_cells", "widths"), [(3, 1), (32, 1), (512, 1), (512, 3)])
def test_the_narrowest_place_fields_allowed_still_code_every_position(n_cells: int, widths: int) -> None:
    narrowest = 1.0001 * 0.25 * math.sqrt(2.2 * 2.2 * widths / n_cells)
    config = TrainConfig(n_place_cells=n_cells, pc_width=(narrowest,) * widths)
    line = torch.linspace(-1.1, 1.1, 60)
    for seed in range(5):
        cells = PlaceCells.from_config(config, torch.Generator().manual_seed(seed))
        assert cells.encode(torch.cartesian_prod(line, line)).isfinite().all()


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ({"name": "a" * 100}, {"name": "a" * 101}),
        ({"device": "cuda:3"}, {"device": "cuda:"}),
        ({"n_grid_cells": 81}, {"n_grid_cells": 80}),
        ({"topoloss": True, "n_grid_cells": 64, "topoloss_factor": 8}, {"topoloss_factor": 9}),
        ({"topoloss": True, "topoloss_schedule": ("constant:9:0", "linear"), "steps": 10}, {"steps": 9}),
        ({"tau": True, "tau_min": 3.0, "tau_max": 3.0}, {"tau_min": 3.1}),
        ({"tau": True, "tau_init": "bands", "n_grid_cells": 64, "n_bands": 8}, {"n_bands": 9}),
        ({"tau": True, "n_grid_cells": 64, "tau_levels": (2, 8)}, {"tau_levels": (2, 9)}),
        ({"n_place_cells": 6, "pc_width": (1.0, 1.0)}, {"n_place_cells": 5}),
        ({"box_size": (2.0, 1.0), "pc_width": (1.0,)}, {"pc_width": (1.01,)}),
        ({"box_size": (2.0, 0.5), "eval_bins": 16, "pc_width": (0.2,)}, {"eval_bins": 12}),
        ({"seq_length": 12, "readout_every": 12}, {"readout_every": 13}),
        ({"save_dir": "x" * 255}, {"save_dir": "x" * 256}),
        ({"wandb_tags": ("x" * 64,)}, {"wandb_tags": ("x" * 65,)}),
        ({"wandb_group": "x" * 128}, {"wandb_group": "x" * 129}),
        ({"head_direction_cells": 3}, {"head_direction_cells": 2}),
        ({"activation": "relu", "norm": "module"}, {"activation": "tanh"}),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_limits_are_exact_and_refused_in_one_line(allowed: dict[str, Any], refused: dict[str, Any]) -> None:
    config = TrainConfig(**allowed)
    with pytest.raises(SettingsError) as told:
        dataclasses.replace(config, **refused)
    assert "\n" not in str(told.value)
    assert next(iter(refused)) in str(told.value)
    assert "got" in str(told.value)


ATTRACTOR = {
    "wiring": "attractor", "tau": True, "tau_min": 2.0, "tau_max": 4.0, "drive": 1.0, "n_grid_cells": 256,
    "modules_per_side": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modules_per_side": 3}, "modules_per_side must divide the 16 units"),
        ({"modules_per_side": 4}, "an even number of units a side, at least 8 .* got 4"),
        ({"n_grid_cells": 324}, "an even number of units a side, .* got 9"),
        ({"tau_min": 1.9}, "time constants of 2 steps and more .* got tau_min 1.9; give --tau_min 2"),
        ({"tau": False}, "got a plain network, in which tau is 1; add --tau"),
        ({"drive": 0.0}, "needs a drive above 0, .* got 0; give --drive 1"),
        ({"topoloss": True}, "topoloss on recurrent weights has no effect .* add --learn_recurrent, or give"),
        ({"topoloss": True, "topoloss_on": "input"}, "topoloss on input weights .* add --learn_movement, or give"),
        (
            {"topoloss": True, "learn_recurrent": True, "topoloss_factor": 9},
            "topoloss_factor must be at most 8, the side of the module, got 9",
        ),
        (
            {"topoloss": True, "wiring": "learned", "norm": "module", "topoloss_on": "readout"},
            "needs steps in which that learns, got readout_steps 0; give --readout_steps",
        ),
        ({"activation": "tanh"}, "wiring attractor works with activation relu only"),
        ({"wiring": "dense"}, "modules_per_side 2 needs units connected inside modules"),
        ({"wiring": "learned"}, "wiring learned .* needs norm module; add --norm module"),
    ],
)
def test_what_a_wiring_cannot_work_with_is_refused_with_the_remedy(changes: dict[str, Any], message: str) -> None:
    TrainConfig(**ATTRACTOR)
    with pytest.raises(SettingsError, match=message) as told:
        TrainConfig(**ATTRACTOR | changes)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tau": True}, "tau True is of leaky units and has no effect with network lstm; leave one of them out"),
        ({"wiring": "blocks", "modules_per_side": 2}, "wiring blocks is of leaky units"),
        ({"topoloss": True}, "topoloss True is of leaky units"),
        ({"norm": "module"}, "norm module is of leaky units"),
        ({"drive": 1.0}, "drive 1.0 is of leaky units"),
        ({"training_feedback": 0.1}, "training_feedback pulls at the activity of leaky units .* got 0.1"),
        ({"place_feedback": 0.1}, "place_feedback pulls at the activity of leaky units .* got 0.1"),
        ({"precision": "bf16"}, "network lstm computes in fp32 alone, got precision bf16"),
        ({"head_direction_cells": 0}, "it needs head_direction_cells above 0; give --head_direction_cells 12"),
    ],
)
def test_what_an_lstm_does_not_have_is_refused(changes: dict[str, Any], message: str) -> None:
    config = TrainConfig(network="lstm", head_direction_cells=12)
    with pytest.raises(SettingsError, match=message) as told:
        dataclasses.replace(config, **changes)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("wiring", ["dense", "blocks", "attractor"])
def test_a_loss_that_would_read_no_step_of_a_walk_is_refused(wiring: str) -> None:
    """The mean over no step is no number: the first step of such a run would have been its last."""
    config = TrainConfig(preset="smoke", wiring=wiring, tau=True)
    with pytest.raises(SettingsError, match=r"readout_every must be at most \d+ steps, the length of a walk, got 99"):
        dataclasses.replace(config, readout_every=99)


def test_a_readout_that_learns_alone_has_moments_of_its_own() -> None:
    assert TrainConfig(preset="smoke", wiring="learned", tau=True, readout_every=99).readout_every == 99


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"head_direction_cells": 8, "readout_steps": 0}, "head_direction_cells has no effect .* got readout_steps 0"),
        ({"training_feedback": 0.1, "readout_steps": 0}, "training_feedback has no effect .* got readout_steps 0"),
        ({"training_feedback": 0.1, "readout_steps": 5, "steps": 3}, "got 3 steps, of which a quarter is none"),
        ({"topoloss": True, "topoloss_on": "readout", "readout_steps": 5, "steps": 3}, "topoloss on the read-out"),
        ({"movement_gain_ratio": 2.0, "modules_per_side": 1}, "movement_gain_ratio .* needs modules_per_side above 1"),
    ],
)
def test_what_learned_modules_would_never_use_is_refused(settings: dict[str, Any], said: str) -> None:
    base = {"preset": "smoke", "tau": True, "wiring": "learned", "steps": 40, "readout_steps": 8, "late_steps": 0}
    with pytest.raises(SettingsError, match=said):
        TrainConfig(**base | settings)
    allowed = {"readout_steps": 8, "steps": 40, "modules_per_side": 2}
    TrainConfig(**base | settings | {name: value for name, value in allowed.items() if name in settings})
