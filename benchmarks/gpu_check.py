"""Compare a GPU with the CPU, and its speed with its limit: ``python -m benchmarks.gpu_check``.

Prints one table. ``--device cpu`` with small ``--units`` runs the same code where there is no GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence

import torch

from topogrid.config import TrainConfig
from topogrid.hardware import choose_device, choose_precision
from topogrid.recurrence import Precision
from topogrid.reproducibility import make_generators
from topogrid.training import Batch, TrainState, make_batch, new_state, train_step

WARM_UP_STEPS = 3
LOSS_TOLERANCE = {"fp32": 1e-5, "bf16": 2e-3}  # relative, after the first step of the same batch
GRADIENT_TOLERANCE = {"fp32": 1e-3, "bf16": 5e-2}  # relative norm of the difference


def main(argv: Sequence[str] | None = None) -> int:
    """Check and measure; 0 if the device agrees with the CPU, 1 if not, 2 if there is no such device."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--device", default="cuda", help="what to check (default: %(default)s)")
    parser.add_argument(
        "--units", type=int, nargs="+", default=[1024, 4096, 16384], help="sheets (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=20, help="timed steps for each sheet (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        device = choose_device(arguments.device)
    except ValueError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2
    agrees = True
    for precision in ("fp32", choose_precision("auto", device)):
        loss, gradient = disagreement(device, precision)
        fine = loss <= LOSS_TOLERANCE[precision] and gradient <= GRADIENT_TOLERANCE[precision]
        agrees &= fine
        verdict = "agrees with" if fine else "DIFFERS from"
        print(f"{device} in {precision} {verdict} the CPU in fp32: loss {loss:.1e}, gradient {gradient:.1e} (relative)")
    precision = choose_precision("auto", device)
    limit = matrix_product_limit(device, precision)
    print(f"matrix products of {device} in {precision}: {limit / 1e12:.2f} TFLOP/s")
    print(f"{'units':>7} {'steps/s':>9} {'share of limit':>15} {'peak memory':>12}")
    for units in arguments.units:
        speed, memory = training_speed(device, precision, units, arguments.steps)
        share = speed * step_flop(TrainConfig(n_grid_cells=units)) / limit
        print(f"{units:>7} {speed:>9.2f} {share:>14.0%} {memory / 2**30:>8.2f} GiB")
    return 0 if agrees else 1


def disagreement(device: torch.device, precision: Precision) -> tuple[float, float]:
    """Return how much loss and gradient of one step differ between ``device`` and the CPU in fp32, relatively."""
    config = TrainConfig(n_grid_cells=256, n_place_cells=128, batch_size=32, tau=True)
    reference = _state(config, torch.device("cpu"), "fp32")
    batch = make_batch(config, reference.place_cells, reference.generators["walks"])
    other = _state(config, device, precision)
    losses, gradients = [], []
    for state in (reference, other):
        there = Batch(*(part.to(state.network.encoder.device) for part in batch))
        record = train_step(state, there, dataclasses.replace(config, grad_clip=0.0), measure=True)
        losses.append(float(record.metrics["train/total_loss"]))
        flat = [
            parameter.grad.flatten().cpu() for parameter in state.network.parameters() if parameter.grad is not None
        ]
        gradients.append(torch.cat(flat))
    loss = abs(losses[1] - losses[0]) / abs(losses[0])
    return loss, float((gradients[1] - gradients[0]).norm() / gradients[0].norm())


def training_speed(device: torch.device, precision: Precision, units: int, steps: int) -> tuple[float, int]:
    """Time whole training steps, walks included: steps per second and peak memory in bytes (0 on a CPU)."""
    config = TrainConfig(n_grid_cells=units)
    state = _state(config, device, precision)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    began = 0.0
    for step in range(WARM_UP_STEPS + steps):
        if step == WARM_UP_STEPS:
            _wait(device)
            began = time.perf_counter()
        train_step(state, make_batch(config, state.place_cells, state.generators["walks"]), config)
    _wait(device)
    seconds = time.perf_counter() - began
    return steps / seconds, torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def matrix_product_limit(device: torch.device, precision: Precision, size: int = 4096, repeats: int = 10) -> float:
    """FLOP per second of a plain product of a batch with a square matrix: what the recurrence is made of."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    states, weights = (
        torch.ones(200, size, dtype=dtype, device=device),
        torch.ones(size, size, dtype=dtype, device=device),
    )
    torch.nn.functional.linear(states, weights)
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        torch.nn.functional.linear(states, weights)
    _wait(device)
    return repeats * 2 * 200 * size * size / (time.perf_counter() - began)


def step_flop(config: TrainConfig) -> float:
    """Multiply and add operations of one training step's products: forward, and twice as much backward."""
    samples = config.batch_size * config.seq_length
    return 6.0 * samples * config.n_grid_cells * (config.n_grid_cells + config.n_place_cells)


def _state(config: TrainConfig, device: torch.device, precision: Precision) -> TrainState:
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells"))
    generators |= make_generators(config.seed, device, ("walks",))
    return new_state(config, device, precision, generators)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


if __name__ == "__main__":
    sys.exit(main())
