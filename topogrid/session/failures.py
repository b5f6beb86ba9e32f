"""When the numbers of a training run go wrong: notice, keep everything needed to look into it, and run it again.

A dump holds what the first step that was not finite started from, so that `replay` takes the same step: on a CPU, the
same bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from topogrid.measures.training import LOSS
from topogrid.model.network import PathIntegrator
from topogrid.model.products import Precision
from topogrid.runs.checkpoints import load_checkpoint, save_state
from topogrid.runs.errors import CheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import iterate_metrics
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.machine import check_memory_to_open
from topogrid.settings.saved import from_mapping
from topogrid.streams import generator_states, versions
from topogrid.trained.weights import build, checked_step, checked_tensor, checked_weights, listed
from topogrid.training.batch import make_batch
from topogrid.training.objective import (
    TOTAL,
    Batch,
    Context,
    Phase,
    objective,
    phase_of,
    predicted,
    read_steps,
    topoloss_weight,
    training_feedback,
    walk_length,
)
from topogrid.training.state import TrainState
from topogrid.training.step import StepRecord
from topogrid.world.place_cells import PlaceCells

FORMAT = 1
"""Version of a dump."""

EXPLODED = 5.0  # a loss this many times its usual size above the usual is told
USUAL = 50  # logged steps whose median is the usual loss
FEWEST = 10  # logged steps before there is a usual loss


def logged_losses(path: Path) -> list[float]:
    """Return the last losses that a run has logged, of a run that goes on."""
    losses = (row.get(LOSS.key, math.nan) for row in iterate_metrics(path))
    return list(deque((loss for loss in losses if math.isfinite(loss)), maxlen=USUAL))


NEW_LOSS: dict[Phase, str] = {
    "growth": "the map of tau grows, with a loss of its own",
    "modules": "modules learn, with a loss of their own",
    "all": "the map of tau is grown; from now on the loss is another one, that of the place",
    "readout": "the modules are learned; from now on the read-out learns alone, and the loss is another one",
}
"""What is said of the first logged loss of a phase that follows another."""

OTHER_LENGTH = "from now on modules learn from walks of {length} steps, so that a training step takes another time"
"""What is said of the first logged loss of walks of another length."""


class LossWatch:
    """Tells when another phase brings another loss, and once when one explodes: far above the median of those before.

    Parameters
    ----------
    losses : iterable of float
        Losses logged before, of a run that goes on.
    phase : str
        Phase of training that they are of.
    length : int
        Length of the walks of that training, steps.
    """

    def __init__(self, losses: Iterable[float] = (), phase: Phase = "all", length: int = 0) -> None:
        self._recent: deque[float] = deque(losses, maxlen=USUAL)
        self._told, self._phase, self._length = False, phase, length

    def news(self, step: int, loss: float, phase: Phase = "all", length: int = 0) -> str:
        """Take note of a loss; return a sentence with the first of a phase and the first that explodes, or nothing."""
        if (phase, length) != (self._phase, self._length):  # a loss of another size
            said = NEW_LOSS[phase] if phase != self._phase else OTHER_LENGTH.format(length=length)
            self._recent.clear()
            self._told, self._phase, self._length = False, phase, length
            return said
        usual = statistics.median(self._recent) if len(self._recent) >= FEWEST else None
        self._recent.append(loss)
        # A loss may be negative, where a term rewards: what counts is the rise over the size.
        if self._told or usual is None or not loss - usual > (EXPLODED - 1) * abs(usual):
            return ""
        self._told = True
        return (
            f"the loss explodes: {loss:.4g} at step {step}, after a median of {usual:.4g} over the last logged steps; "
            "if it does not come down, stop and --resume with a lower --lr"
        )


class Look(NamedTuple):
    """The last time that all was seen to be well."""

    began: int
    """Step that this process went on from."""
    step: int
    walks: Tensor
    """State of the generator of walks after ``step``."""


def look(state: TrainState, began: int | None = None) -> Look:
    """Remember where the walks stand; reads nothing from the device."""
    return Look(state.step if began is None else began, state.step, state.generators["walks"].get_state())


def all_finite(network: PathIntegrator) -> bool:
    """Whether every weight is a number; asks the device."""
    return bool(torch.stack([parameter.isfinite().all() for parameter in network.parameters()]).all())


def save_dump(folder: RunFolder, state: TrainState, config: TrainConfig, last: Look, record: StepRecord) -> Path:
    """Save what the first step that was not finite started from.

    Weights and optimiser have not changed since, see `StepRecord.n_finite`. Its batch is drawn again from where the
    walks stood at the last look, so that nothing had to be kept in between.

    Parameters
    ----------
    folder : RunFolder
    state : TrainState
        As training left it; its generator of walks is moved.
    config : TrainConfig
    last : Look
        From before the first bad step.
    record : StepRecord
        Of the step at which the failure was noticed.

    Returns
    -------
    Path
        The dump, named after the first bad step.

    Raises
    ------
    CheckpointError
        If the disk does not take it.
    """
    bad_step = last.began + int(record.n_finite) + 1
    walks = state.generators["walks"]
    walks.set_state(last.walks)
    for step in range(last.step + 1, bad_step):
        make_batch(config, state.place_cells, walks, step=step)
    content = {
        "format": FORMAT,
        "step": bad_step,
        "config": dataclasses.asdict(config),
        "precision": state.network.units.precision,
        "device": str(state.network.encoder.device),
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "place_centres": state.place_cells.centres,
        "generators": generator_states(state.generators),
        "batch": make_batch(
            config, state.place_cells, walks, step=bad_step, scale=state.length_scale(config)
        )._asdict(),
        "versions": versions(),
    }
    path = folder.path / f"nonfinite_step_{bad_step:08d}.pt"
    save_state(path, content)
    return path


class Dump(NamedTuple):
    """A dump, read and checked."""

    step: int
    config: TrainConfig
    seen_on: str
    """Device and precision of the training."""
    network: PathIntegrator
    place_cells: PlaceCells
    batch: Batch


def load_dump(path: str | Path) -> Dump:
    """Read a dump onto the CPU.

    Raises
    ------
    CheckpointError, SettingsError
        If it is none, is damaged, could run code, or does not fit together or into memory.
    """
    state, where = load_checkpoint(path), str(path)
    if state.get("format") != FORMAT or not isinstance(state.get("config"), dict):
        raise CheckpointError(f"{path} is no dump of a failed step; it holds {listed(state)}")
    try:
        config = from_mapping(state["config"], where, versioned=False).config
    except SettingsError as error:
        raise CheckpointError(f"{path} is of another version of topogrid, or damaged: {error}") from error
    check_memory_to_open(config)
    weights = checked_weights(state.get("network"), where, finite=False)
    network, place_cells = build(weights, state.get("place_centres"), config, where)
    precision = state.get("precision")
    if precision not in ("fp32", "bf16"):
        raise CheckpointError(f"precision in {path} must be fp32 or bf16, got {str(precision)[:60]}")
    network.units.precision = cast(Precision, precision)
    seen_on = f"{str(state.get('device'))[:20]}, {precision}"
    step = checked_step(state, where)
    return Dump(step, config, seen_on, network, place_cells, _batch(state, config, step, where))


def _batch(state: Mapping[str, Any], config: TrainConfig, step: int, where: str) -> Batch:
    found = state.get("batch")
    if isinstance(found, dict) and "kept" not in found:  # a dump from before anything was left out
        found = found | {"kept": torch.empty(0)}
    if not isinstance(found, dict) or found.keys() != set(Batch._fields):
        raise CheckpointError(f"{where} lacks the batch of the step; it holds {listed(state)}")
    tensors = {name: checked_tensor(found[name], f"{name} in {where}").float() for name in Batch._fields}
    # The batch is smaller than the settings say where several processes share a step.
    *modules, walks, _ = tensors["start_code"].shape if tensors["start_code"].ndim > 1 else (0, 0)
    if phase_of(step, config) == "modules":
        modules = [config.sheet.n_modules]
    places, length, n_read = config.n_place_cells, walk_length(step, config), len(read_steps(step, config))
    shapes = {
        "start_code": (*modules, walks, places),
        "displacement": (length, *modules, walks, 2),
        "code": (n_read, *modules, walks, places),
        "position": (length, *modules, walks, 2),
    }
    if config.network == "lstm" and config.dropout:
        shapes["kept"] = (n_read, walks, config.n_grid_cells)
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(f"{name} in {where} must be {shape}, got {tuple(tensors[name].shape)}")
    return Batch(**tensors)


class Quantity(NamedTuple):
    """Something computed in a step."""

    name: str
    n_bad: int
    """Values that are not finite."""
    n: int
    largest: float
    """Largest magnitude of the finite values; NaN if there is none."""
    detail: str = ""


class Replay(NamedTuple):
    """A failed step taken again."""

    dump: Dump
    quantities: list[Quantity]
    """In the order of their computation."""

    @property
    def first_bad(self) -> Quantity | None:
        """Where it went wrong; None if it did not happen again."""
        return next((quantity for quantity in self.quantities if quantity.n_bad), None)

    def lines(self) -> list[str]:
        """Tell it to a person."""
        dump, first = self.dump, self.first_bad
        table = [
            f"  {one.name:32} {one.n_bad:>10,} of {one.n:>12,} not finite, largest {one.largest:.4g}"
            for one in self.quantities
        ]
        if first is None:
            verdict = f"Everything is finite here: the failure on {dump.seen_on} did not happen again on the CPU."
        else:
            verdict = f"First not finite: {first.name}, {first.n_bad:,} of {first.n:,} values{first.detail}."
        return [f"Step {dump.step} again, seen on {dump.seen_on}; in the order of computation:", *table, verdict]


def replay(path: str | Path) -> Replay:
    """Take the failed step of a dump again, on the CPU, and see where it goes wrong.

    Raises
    ------
    CheckpointError, SettingsError
        As `load_dump`.
    """
    dump = load_dump(path)
    return Replay(dump, list(_retaken(dump)))


def _retaken(dump: Dump) -> Iterator[Quantity]:
    network, batch = dump.network, dump.batch
    yield from (_quantity(f"weights {name}", value) for name, value in network.named_parameters())
    yield from (_quantity(f"batch {name}", value) for name, value in batch._asdict().items())
    phase, moments = phase_of(dump.step, dump.config), read_steps(dump.step, dump.config)
    prediction = predicted(network, batch, phase, moments, training_feedback(dump.config, dump.place_cells))
    if len(prediction.activity):  # of modules that rest, none is kept
        in_time = prediction.activity if prediction.activity.ndim == 3 else prediction.activity.flatten(1, 2)
        yield _quantity("activity", prediction.activity, _where_in_walk(in_time))
    if prediction.logits is not None:
        yield _quantity("logits", prediction.logits, _where_in_walk(prediction.logits))
    if prediction.directions is not None:
        yield _quantity("logits of directions", prediction.directions, _where_in_walk(prediction.directions))
    weight = torch.tensor(topoloss_weight(dump.step, dump.config))
    terms = objective(Context(network, dump.place_cells, prediction, batch, dump.config, weight, moments), phase)
    yield from (_quantity(name, value) for name, value in terms.items())
    terms[TOTAL].backward()  # type: ignore[no-untyped-call]
    gradients = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    yield from (_quantity(f"gradient {name}", value) for name, value in gradients.items())
    # It can overflow where no gradient does.
    yield _quantity("norm of the whole gradient", torch.nn.utils.get_total_norm(gradients.values()))


@torch.no_grad()
def _quantity(name: str, values: Tensor, detail: str = "") -> Quantity:
    finite = values[values.isfinite()]
    largest = float(finite.abs().max()) if len(finite) else float("nan")
    return Quantity(name, values.numel() - len(finite), values.numel(), largest, detail)


@torch.no_grad()
def _where_in_walk(values: Tensor) -> str:
    """Say from which step of a walk on ``(time, batch, ...)`` values are not finite, and in how many walks."""
    bad = ~values.isfinite().all(dim=-1)
    if not bool(bad.any()):
        return ""
    first = int(bad.any(dim=1).nonzero()[0])
    return f", from step {first + 1} of the walk on, in {int(bad.any(dim=0).sum())} of {bad.shape[1]} walks"
