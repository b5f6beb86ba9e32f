"""What is asked for and absent is refused; what is left open is chosen by what is there."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig
from topogrid.training import hardware
from topogrid.training.hardware import (
    choose_device,
    choose_precision,
    compiler_trouble,
    peak_memory_mb,
    read_scalars,
    use_tensor_cores,
    wait,
)
from topogrid.training.state import new_state
from topogrid.training.step import train

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda:0"), (1, True, "cuda:0")]
)
def test_auto_takes_the_fastest_there_is(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, chosen: str) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto") == choose_device() == torch.device(chosen)


@pytest.mark.parametrize("wanted", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    pretend(monkeypatch, cuda=2, mps=True)
    chosen = choose_device(wanted)
    assert str(chosen) == ("cuda:0" if wanted == "cuda" else wanted)  # PyTorch makes none current without an index


@pytest.mark.parametrize("wanted", ["cuda:2", "cuda:99", "cuda:200", "cuda:99999", "cpu:1"])
def test_an_index_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    """PyTorch keeps indices in 8 bits, so that large ones come back negative."""
    pretend(monkeypatch, cuda=2)
    with pytest.raises(ValueError, match=f"device '{wanted}' was asked for, but PyTorch sees .* use --device auto"):
        choose_device(wanted)


@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "mps"])
def test_an_accelerator_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    pretend(monkeypatch)
    with pytest.raises(ValueError, match=f"'{wanted}' was asked for, but PyTorch sees 0 of that kind"):
        choose_device(wanted)


@pytest.mark.parametrize("wanted", ["", "gpu", "meta", "cuda:-1", "cuda:x", "CPU", "xla:0", "auto "])
def test_a_word_that_is_no_device_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda, cuda:N or mps, got") as caught:
        choose_device(wanted)
    assert repr(wanted) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_precision_is_taken_and_an_unknown_one_refused() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"
    with pytest.raises(ValueError, match="precision must be auto, fp32 or bf16, got 'fp16'"):
        choose_precision("fp16", CPU)


@pytest.mark.parametrize(("avx512", "amx", "chosen"), [(0, 0, "fp32"), (1, 0, "bf16"), (0, 1, "bf16"), (1, 1, "bf16")])
def test_auto_takes_bf16_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, avx512: int, amx: int, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx512))
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx))
    assert choose_precision("auto", CPU) == chosen


def test_auto_is_fp32_where_pytorch_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert choose_precision("auto", CPU) == "fp32"
    assert choose_precision("auto", torch.device("mps")) == "fp32"


def test_the_probes_of_the_cpu_exist_in_this_pytorch() -> None:
    """They are private: should they go, ``auto`` would fall back to fp32 without a word."""
    assert isinstance(torch.cpu._is_avx512_bf16_supported(), bool)
    assert isinstance(torch.cpu._is_amx_tile_supported(), bool)
    assert choose_precision("auto", CPU) in ("fp32", "bf16")


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_auto_on_cuda_goes_by_capability(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], chosen: str
) -> None:
    monkeypatch.setattr(hardware.torch.cuda, "get_device_capability", lambda _device: capability)
    assert choose_precision("auto", torch.device("cuda")) == chosen


@pytest.mark.skipif(torch.cuda.is_available(), reason="counts the memory of the GPU there")
def test_the_peak_of_a_process_is_its_own() -> None:
    held = b"x" * 400_000_000
    ask = "import topogrid.training.hardware as hardware; print(hardware.peak_memory_mb())"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=ROOT)
    assert peak_memory_mb() > len(held) / 2**20
    assert float(done.stdout) < peak_memory_mb() - 100


def test_scalars_are_read_in_one_piece() -> None:
    values = {"a": torch.tensor(1.5), "b": torch.tensor(3, dtype=torch.long), "c": torch.tensor(float("nan"))}
    read = read_scalars(values)
    assert list(read) == ["a", "b", "c"]
    assert read["a"] == 1.5
    assert read["b"] == 3.0
    assert read["c"] != read["c"]
    assert read_scalars({}) == {}


@pytest.mark.parametrize(("precision", "kept"), [("fp32", "highest"), ("bf16", "high")])
def test_products_of_fp32_are_rounded_on_cuda_only(
    monkeypatch: pytest.MonkeyPatch, precision: Precision, kept: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    use_tensor_cores(CPU, precision)
    assert asked == []
    use_tensor_cores(torch.device("cuda"), precision)
    assert asked == [kept]


def test_a_compiler_that_fails_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile(_function: object) -> object:
        raise RuntimeError("No working C++ compiler found\n\nand much more")

    monkeypatch.setattr(torch, "compile", compile)
    assert compiler_trouble(CPU) == "No working C++ compiler found"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler, about itself
@pytest.mark.parametrize(
    "settings",
    [
        {"n_grid_cells": 64, "n_place_cells": 32, "pc_width": (0.3,), "batch_size": 16, "seq_length": 5},
        {"preset": "smoke", "wiring": "attractor", "tau_growth_steps": 1},
        {"preset": "smoke", "wiring": "learned", "tau_growth_steps": 1, "readout_steps": 1},
    ],
    ids=["dense", "attractor", "learned"],
)
def test_a_compiled_step_learns_the_same(settings: dict[str, Any]) -> None:
    """Where there is no compiler, ``--compile`` is refused, and this has nothing to compare."""
    trouble = compiler_trouble(CPU)
    if trouble:
        pytest.skip(trouble)
    config = TrainConfig(**settings, steps=4, tau=True)
    found = []
    for compiled in (False, True):
        generators = {
            name: torch.Generator().manual_seed(seed) for seed, name in enumerate(("weights", "place_cells", "walks"))
        }
        state = new_state(config, CPU, "bf16" if config.wiring == "dense" else "fp32", generators)
        state.network.units.compiled = state.place_cells.compiled = compiled
        assert len(list(train(state, dataclasses.replace(config, compile=compiled)))) == 4
        found.append(state.network.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-2, atol=1e-3)


def test_the_device_that_was_asked_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for name in ("cpu", "cuda:1", "mps"):
        wait(torch.device(name))
    assert waited == ["cuda:1", "mps"]
