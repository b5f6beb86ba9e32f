"""An evaluation that no machine could finish, or numbers that no run survives, are refused before a folder is made."""

from typing import Any

import pytest

from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import burn_in_steps, evaluation_cost
from topogrid.settings.errors import SettingsError
from topogrid.settings.machine import check_machine

SMALL: dict[str, Any] = {
    "preset": "smoke", "wiring": "dense", "n_grid_cells": 16, "eval_bins": 8, "eval_walks": 20, "long_walks": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eval_walks": 10**12}, "at least .* days on any machine; lower eval_walks"),
        ({"long_walks": 10**9}, "an evaluation needs at least .* of memory"),
        ({"eval_burn_in": 10**6, "eval_walks": 10**9}, "days on any machine"),
        ({"tau": True, "tau_max": 1e6, "eval_walks": 10**9}, "days on any machine"),
        ({"long_seconds": 3600.0, "dt": 1e-6}, "an evaluation needs at least .* of memory"),
        ({"dt": 1e-300}, "dt must be 1e-06 to 1 s"),
        ({"dt": 5e-324}, "dt must be 1e-06 to 1 s"),
        ({"pc_width": (1e-320,), "DoG": False}, "pc_width must be 0.001"),
        ({"recurrent_noise": 1e6}, "recurrent_noise must be 0 to 100"),
        ({"box_size": (100.0, 0.1), "pc_width": (0.1,), "DoG": False}, "eval_bins counts along the longer side"),
        ({"wandb_tags": ("x" * 65,)}, "wandb_tags must have 1 to 64 letters"),
        ({"wandb_tags": ("",)}, "wandb_tags must have 1 to 64 letters"),
        ({"wandb_project": "a/b"}, "wandb_project must not have any of"),
        ({"wandb_entity": "a:b"}, "wandb_entity must not have any of"),
        ({"wandb_group": "x" * 129}, "wandb_group must have at most 128 letters"),
        ({"wandb_name": "x" * 129}, "wandb_name must have at most 128 letters"),
    ],
)
def test_what_cannot_end_well_is_refused(
    changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topogrid.settings.machine.machine_memory", lambda: 2**34)
    with pytest.raises(SettingsError, match=message):
        check_machine(TrainConfig(**{**SMALL, **changes}))


@pytest.mark.parametrize("preset", ["smoke", "laptop", "sheet64", "dense24", "dense64"])
def test_presets_are_far_from_these_limits(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topogrid.settings.machine.machine_memory", lambda: 2**33)
    for tau in (False, True):
        config = TrainConfig(preset=preset, tau=tau)
        check_machine(config)
        assert evaluation_cost(config).seconds(config.n_grid_cells**2) < 60


def test_a_unit_has_forgotten_its_start_after_the_burn_in() -> None:
    for tau in (1.5, 3.0, 10.0, 1000.0):
        steps = burn_in_steps(tau)
        assert (1 - 1 / tau) ** steps < 0.01 <= (1 - 1 / tau) ** (steps - 1)
    assert burn_in_steps(1.0) == 1
