"""Compare a GPU with the CPU, and its speed with its limit: ``python -m benchmarks.speed.gpu_check``.

Says whether loss and gradient agree with the CPU, whether steps replayed from a CUDA graph learn what the same steps
taken one by one do, and prints one table of speed, share of the matrix-product limit and memory, with and without the
graph. ``--device cpu`` with small ``--units`` runs the same code where there is no GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from benchmarks.speed.timing import fresh_state, step_flop, step_products, wait
from topogrid.model.products import Precision
from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.cuda_graph import WARM_UP_STEPS, GraphedStep, uses_graph
from topogrid.training.hardware import choose_device, choose_precision, use_tensor_cores
from topogrid.training.objective import Batch, growth_steps
from topogrid.training.processes import ALONE
from topogrid.training.state import TrainState
from topogrid.training.step import train, train_step

LOSS_TOLERANCE = {"fp32": 1e-5, "bf16": 2e-3}  # relative, after the first step of the same batch
GRADIENT_TOLERANCE = {"fp32": 1e-3, "bf16": 5e-2}  # relative norm of the difference
GRAPH_TOLERANCE = 1e-3  # relative norm of the difference between weights after REPLAYED steps, in fp32
REPLAYED = 10  # steps
PRODUCT_REPEATS = 5
_SMALL = {"preset": "smoke", "tau": True, "tau_growth_steps": 2, "steps": 60}
MODULES = {
    wiring: TrainConfig(**_SMALL, wiring=wiring, **({"readout_steps": 1} if wiring == "learned" else {}))
    for wiring in ("blocks", "attractor", "learned")
}
GRAPHED = {
    **{
        name: dataclasses.replace(MODULES[name], steps=2 + WARM_UP_STEPS + REPLAYED) for name in ("blocks", "attractor")
    },
    # Long enough that each of the moments at which the read-out learns in turn is recorded and replayed.
    "learned": dataclasses.replace(MODULES["learned"], steps=200, readout_steps=48),
}
"""What is trained with and without recordings."""
SHEETS = {
    "attractor": TrainConfig(preset="sheet64", tau=True, wiring="attractor"),
    "learned": TrainConfig(preset="sheet64", tau=True, wiring="learned"),
}
"""Full sheets whose steps are timed in the phase in which they learn."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check and measure; 0 if all agrees, 1 if not, 2 if there is no such device."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.gpu_check", description=__doc__)
    parser.add_argument("--device", default="cuda", help="what to check (default: %(default)s)")
    parser.add_argument(
        "--units", type=int, nargs="+", default=[1024, 4096, 16384], help="sheets (default: %(default)s)"
    )
    parser.add_argument("--no_modules", dest="modules", action="store_false", help="leave full sheets of modules out")
    parser.add_argument("--steps", type=int, default=20, help="timed steps for each sheet (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        device = choose_device(arguments.device)
    except ValueError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2
    agrees = all([_check_precision(device, precision) for precision in _precisions(device)])
    use_tensor_cores(device, "fp32")
    agrees &= all([_check_modules(device, wiring) for wiring in MODULES])
    with_graph = uses_graph("auto", device, ALONE, TrainConfig())
    if with_graph:
        agrees &= all([_check_graph(device, wiring) for wiring in ("dense", *GRAPHED)])
    precision = choose_precision("auto", device)
    use_tensor_cores(device, precision)
    print(f"{'units':>7} {'graph':>6} {'steps/s':>9} {'limit':>14} {'share':>6} {'peak memory':>12}")
    for units in arguments.units:
        for graph in (False, True) if with_graph else (False,):
            speed = training_speed(device, precision, units, arguments.steps, graph=graph)
            print(
                f"{units:>7} {'yes' if graph else 'no':>6} {speed.steps_per_second:>9.2f} "
                f"{speed.limit / 1e12:>7.2f} TFLOP/s {speed.share:>6.0%} {speed.peak_bytes / 2**30:>8.2f} GiB"
            )
    if arguments.modules:
        print(f"{'sheet of modules':>17} {'graph':>6} {'steps/s':>9} {'all steps':>10}")
        for name, config in SHEETS.items():
            for graph in (False, True) if with_graph else (False,):
                speed_of_modules = module_speed(device, config, arguments.steps, graph=graph)
                whole = config.steps / speed_of_modules / 60
                print(f"{name:>17} {'yes' if graph else 'no':>6} {speed_of_modules:>9.2f} {whole:>6.1f} min")
    return 0 if agrees else 1


def _check_modules(device: torch.device, wiring: str) -> bool:
    loss, gradient = disagreement(device, "fp32", MODULES[wiring])
    fine = loss <= LOSS_TOLERANCE["fp32"] and gradient <= GRADIENT_TOLERANCE["fp32"]
    verdict = "agrees with" if fine else "DIFFERS from"
    print(f"{device}, {wiring}, {verdict} the CPU: loss {loss:.1e}, gradient {gradient:.1e} (relative)")
    return fine


def _precisions(device: torch.device) -> list[Precision]:
    return ["fp32"] if choose_precision("auto", device) == "fp32" else ["fp32", "bf16"]


def _check_precision(device: torch.device, precision: Precision) -> bool:
    use_tensor_cores(device, precision)
    loss, gradient = disagreement(device, precision)
    fine = loss <= LOSS_TOLERANCE[precision] and gradient <= GRADIENT_TOLERANCE[precision]
    verdict = "agrees with" if fine else "DIFFERS from"
    print(f"{device} in {precision} {verdict} the CPU in fp32: loss {loss:.1e}, gradient {gradient:.1e} (relative)")
    return fine


def _check_graph(device: torch.device, wiring: str) -> bool:
    use_tensor_cores(device, "fp32")
    difference = graph_disagreement(device, GRAPHED.get(wiring))
    fine = difference <= GRAPH_TOLERANCE
    verdict = "agree with" if fine else "DIFFER from"
    print(f"{wiring}: weights after replayed steps {verdict} those of steps one by one: {difference:.1e} (relative)")
    return fine


def disagreement(device: torch.device, precision: Precision, config: TrainConfig | None = None) -> tuple[float, float]:
    """Return how much loss and gradient of one step differ between ``device`` and the CPU in fp32, relatively."""
    config = config or TrainConfig(n_grid_cells=256, n_place_cells=128, batch_size=32, tau=True)
    reference = fresh_state(config, torch.device("cpu"), "fp32")
    number, walks = growth_steps(config) + 1, reference.generators["walks"]
    scale = reference.length_scale(config)
    batch = make_batch(config, reference.place_cells, walks, step=number, scale=scale)
    other = fresh_state(config, device, precision)
    losses, gradients = [], []
    for state in (reference, other):
        state.step = number - 1
        there = Batch(*(part.to(state.network.encoder.device) for part in batch))
        record = train_step(state, there, dataclasses.replace(config, grad_clip=0.0), measure=True)
        losses.append(float(record.metrics["train/total_loss"]))
        flat = [
            parameter.grad.flatten().cpu() for parameter in state.network.parameters() if parameter.grad is not None
        ]
        gradients.append(torch.cat(flat))
    loss = abs(losses[1] - losses[0]) / abs(losses[0])
    return loss, float((gradients[1] - gradients[0]).norm() / gradients[0].norm())


def graph_disagreement(device: torch.device, config: TrainConfig | None = None) -> float:
    """Return how much weights differ after some steps with and without a graph, as a share of how far they moved."""
    config = config or TrainConfig(
        n_grid_cells=256, n_place_cells=128, batch_size=32, tau=True, steps=WARM_UP_STEPS + REPLAYED
    )
    first = _flat(fresh_state(config, device, "fp32"))
    ends = []
    for graph in (False, True):
        state = fresh_state(config, device, "fp32")
        for _ in train(state, config, GraphedStep(state, config, insist=True) if graph else None):
            pass
        ends.append(_flat(state))
    return float((ends[1] - ends[0]).norm() / (ends[0] - first).norm())


def _flat(state: TrainState) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in state.network.parameters()])


class Speed(NamedTuple):
    """How fast a sheet trains."""

    steps_per_second: float
    limit: float
    """FLOP per second of the step's matrix products alone."""
    share: float
    """Share of that limit that whole steps reach."""
    peak_bytes: int
    """Most memory held on the GPU; 0 on a CPU."""


def training_speed(device: torch.device, precision: Precision, units: int, steps: int, *, graph: bool) -> Speed:
    """Time whole training steps, walks included, beside their bare products."""
    config = TrainConfig(n_grid_cells=units, steps=10**6, print_every=10**6)
    limit = step_flop(config) / _seconds_of_products(config, device, precision)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    speed = _steps_per_second(fresh_state(config, device, precision), config, steps, graph=graph)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Speed(speed, limit, speed * step_flop(config) / limit, peak)


def module_speed(device: torch.device, config: TrainConfig, steps: int, *, graph: bool) -> float:
    """Return steps per second of a sheet with modules, walks included, after the growth of its map of tau."""
    state = fresh_state(config, device, "fp32")
    state.step = growth_steps(config)
    return _steps_per_second(state, dataclasses.replace(config, print_every=10**6), steps, graph=graph)


def _steps_per_second(state: TrainState, config: TrainConfig, steps: int, *, graph: bool) -> float:
    """Train on from a state, first as many steps as a recording waits for, and time the next."""
    device = state.network.encoder.device
    records = train(state, config, GraphedStep(state, config, insist=True) if graph else None)
    for _ in range(WARM_UP_STEPS + 1):
        next(records)
    wait(device)
    began = time.perf_counter()
    for _ in range(steps):
        next(records)
    wait(device)
    return steps / (time.perf_counter() - began)


def _seconds_of_products(config: TrainConfig, device: torch.device, precision: Precision) -> float:
    products = step_products(config, device, precision)
    products()
    began = time.perf_counter()
    for _ in range(PRODUCT_REPEATS):
        products()
    return (time.perf_counter() - began) / PRODUCT_REPEATS


if __name__ == "__main__":
    sys.exit(main())
