"""What a machine cannot do is refused before it is begun, with the sizes that are to be lowered."""

from pathlib import Path
from typing import Any

import pytest
import torch

from topogrid.model.network import PathIntegrator
from topogrid.settings import machine
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.machine import check_machine, check_memory_to_open, machine_memory, memory_needed

pytestmark = pytest.mark.usefixtures("desk")


def test_the_default_task_fits_small_machines_and_memory_grows_with_every_size() -> None:
    base = memory_needed(TrainConfig())
    assert base < 2 * 2**30
    for name in ("n_grid_cells", "n_place_cells", "batch_size", "seq_length"):
        assert memory_needed(TrainConfig(**{name: 4 * getattr(TrainConfig, name)})) > base


_LEARNED: dict[str, Any] = {"tau": True, "wiring": "learned"}


@pytest.mark.parametrize("wiring", ["dense", "blocks", "learned", "attractor"])
def test_memory_is_that_of_the_weights_that_a_network_has_and_of_one_batch(wiring: str) -> None:
    """Weights with gradient and two moments; activity and place code, each with two more of their size."""
    config = TrainConfig(preset="smoke", wiring=wiring, tau=True)
    network = PathIntegrator.from_config(config, generator=torch.Generator().manual_seed(0))
    vectors = ("units.log_tau", "units.drive")
    weights = sum(value.numel() for name, value in network.state_dict().items() if name not in vectors)
    lengths = (config.seq_length, config.readout_length, config.late_length)
    length = max(lengths) if wiring == "learned" else config.seq_length
    batch = length * config.batch_size * (config.n_grid_cells + config.n_place_cells)
    assert memory_needed(config) == 4 * (4 * weights + 3 * batch)


@pytest.mark.parametrize(
    ("changes", "lower"),
    [
        ({"n_grid_cells": 4096}, "n_grid_cells"),
        ({"seq_length": 10**6}, "batch_size, seq_length or n_place_cells"),
        (_LEARNED | {"readout_length": 10**6}, "batch_size, readout_length or n_place_cells"),
        (_LEARNED | {"late_steps": 1, "late_length": 10**6}, "batch_size, late_length or n_place_cells"),
    ],
)
def test_too_large_a_network_is_refused_with_what_to_lower(
    changes: dict[str, Any], lower: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "machine_memory", lambda: 2**27)
    with pytest.raises(SettingsError, match=f"GiB of memory, this machine has 0.125 GiB; lower {lower}$"):
        check_machine(TrainConfig(**{"preset": "smoke", "wiring": "dense", **changes}))
    check_machine(TrainConfig(preset="smoke", wiring="dense"))


def test_a_network_is_opened_where_its_weights_have_room_and_no_training_has(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(preset="smoke", wiring="dense")
    weights = 4 * (64 * (64 + 2 + 2 * 32))
    monkeypatch.setattr(machine, "machine_memory", lambda: weights)
    check_memory_to_open(config)
    with pytest.raises(SettingsError):
        check_machine(config)
    monkeypatch.setattr(machine, "machine_memory", lambda: weights - 1)
    with pytest.raises(SettingsError, match=r"64 units and 32 place cells .* open it on a larger one"):
        check_memory_to_open(config)


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        ("3", "batch_size must split evenly over 3 processes, got 8; give 6 or 9"),
        ("16", "batch_size must split evenly over 16 processes, got 8; give 16"),
        ("0", "WORLD_SIZE in the environment must be a number of processes, got '0'; unset it"),
        ("two", "WORLD_SIZE in the environment must be a number of processes, got 'two'; unset it"),
        ("\u0662", "WORLD_SIZE in the environment must be a number of processes"),
    ],
)
def test_a_batch_has_to_split_over_the_processes(processes: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(preset="smoke")
    monkeypatch.setenv("WORLD_SIZE", "4")
    check_machine(config)
    monkeypatch.setenv("WORLD_SIZE", processes)
    with pytest.raises(SettingsError, match=message):
        check_machine(config)


@pytest.mark.parametrize("name", ["save_dir", "gallery_dir"])
def test_a_file_where_a_folder_has_to_be_is_refused_and_nothing_is_made(name: str, desk: Path) -> None:
    (desk / "taken").write_text("x")
    (desk / "link").symlink_to(desk / "nowhere")
    for path in ("taken", "taken/runs", "link/runs"):
        with pytest.raises(SettingsError, match=f"{name} must be a folder, but .* is a file; give another path"):
            check_machine(TrainConfig(preset="smoke", **{name: path}))
    check_machine(TrainConfig(preset="smoke", **{name: "not/there/yet"}))
    assert sorted(path.name for path in desk.iterdir()) == ["link", "taken"]


def test_a_system_that_does_not_say_is_taken_to_have_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> int:
        raise ValueError("unrecognised configuration name")

    monkeypatch.setattr("os.sysconf", unknown, raising=False)
    assert machine_memory() == 2**40
