"""Compare a GPU with the CPU, and its speed with its limit: ``python -m benchmarks.speed.gpu_check``.

Says whether loss and gradient agree with the CPU, and whether steps replayed from a CUDA graph learn what the same
steps taken one by one do; then times sheets, `benchmarks.speed.gpu_speed`. With ``--into docs/performance.md`` the
table goes into that document, and beside it, as JSON, what it is made of. ``--device cpu`` with small ``--units`` runs
the same code where there is no GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.document import check_writable_between
from benchmarks.speed.gpu_speed import SHEETS, TABLE, Speed, Way, cells, dense_sheets, keep, speed_of
from benchmarks.speed.timing import fresh_state
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
    "learned": dataclasses.replace(MODULES["learned"], steps=200, readout_steps=48, late_steps=20),
}
"""What is trained with and without recordings."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check and measure; 0 if all agrees, 1 if not, 2 if there is no such device or nowhere to write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.gpu_check", description=__doc__)
    parser.add_argument("--device", default="cuda", help="what to check (default: %(default)s)")
    parser.add_argument(
        "--units", type=int, nargs="+", default=[1024, 4096, 16384], help="sheets (default: %(default)s)"
    )
    parser.add_argument("--no_modules", dest="modules", action="store_false", help="leave full sheets of modules out")
    parser.add_argument("--into", type=Path, help="document to write the table of speeds into (default: none)")
    parser.add_argument("--steps", type=int, default=20, help="timed steps for each sheet (default: %(default)s)")
    arguments = parser.parse_args(argv)
    problem = None if arguments.into is None else check_writable_between(arguments.into, TABLE)
    if problem:
        print(f"gpu_check: {problem}", file=sys.stderr)
        return 2
    try:
        device = choose_device(arguments.device)
    except ValueError as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with_graph = uses_graph("auto", device, ALONE, TrainConfig())
    checks = []
    for check in _checks(device, with_graph=with_graph):
        print(check.line, flush=True)
        checks.append(check)
    ways = [Way(), Way(graph=True), Way(graph=True, compiled=True)] if with_graph else [Way()]
    rows: list[Speed] = []
    for sheet in (*dense_sheets(arguments.units), *(SHEETS if arguments.modules else ())):
        for way in ways:
            rows.append(speed_of(sheet, way, device, arguments.steps))
            print(" | ".join(cells(rows[-1], rows)), flush=True)
    if arguments.into is not None:
        keep(arguments.into, rows, [check.line for check in checks], arguments.steps)
    return 0 if all(check.fine for check in checks) else 1


class Check(NamedTuple):
    """A comparison, and the line that tells it."""

    fine: bool
    line: str


def _checks(device: torch.device, *, with_graph: bool) -> Iterator[Check]:
    for precision in _precisions(device):
        yield _check_precision(device, precision)
    use_tensor_cores(device, "fp32")
    for wiring in MODULES:
        yield _check_modules(device, wiring)
    if with_graph:
        for wiring in ("dense", *GRAPHED):
            yield _check_graph(device, wiring)


def _check_modules(device: torch.device, wiring: str) -> Check:
    loss, gradient = disagreement(device, "fp32", MODULES[wiring])
    fine = loss <= LOSS_TOLERANCE["fp32"] and gradient <= GRADIENT_TOLERANCE["fp32"]
    verdict = "agrees with" if fine else "DIFFERS from"
    line = f"{device}, {wiring}, {verdict} the CPU: loss {loss:.1e}, gradient {gradient:.1e} (relative)"
    return Check(fine, line)


def _precisions(device: torch.device) -> list[Precision]:
    return ["fp32"] if choose_precision("auto", device) == "fp32" else ["fp32", "bf16"]


def _check_precision(device: torch.device, precision: Precision) -> Check:
    use_tensor_cores(device, precision)
    loss, gradient = disagreement(device, precision)
    fine = loss <= LOSS_TOLERANCE[precision] and gradient <= GRADIENT_TOLERANCE[precision]
    verdict = "agrees with" if fine else "DIFFERS from"
    line = f"{device} in {precision} {verdict} the CPU in fp32: loss {loss:.1e}, gradient {gradient:.1e} (relative)"
    return Check(fine, line)


def _check_graph(device: torch.device, wiring: str) -> Check:
    use_tensor_cores(device, "fp32")
    difference = graph_disagreement(device, GRAPHED.get(wiring))
    fine = difference <= GRAPH_TOLERANCE
    verdict = "agree with" if fine else "DIFFER from"
    line = f"{wiring}: weights after replayed steps {verdict} those of steps one by one: {difference:.1e} (relative)"
    return Check(fine, line)


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


if __name__ == "__main__":
    sys.exit(main())
