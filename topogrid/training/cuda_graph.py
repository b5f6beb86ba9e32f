"""A whole training step recorded once on a GPU and replayed: one launch in place of a thousand.

With modules there are several kinds of steps, one phase after the other, and in one of them the read-out looks at other
moments in turn: each kind is recorded when it has come a few times. Steps that grow the map of time constants are few
and taken one by one.

Walks, place code, forward, backward, clipping and update are in the recording; the learning rate and the weight of the
topographic loss are written into tensors before each replay, and metrics are computed beside it, on the steps that are
logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import torch

from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import Phase, growth_steps, holds_movement, phase_and_length, read_steps
from topogrid.training.optimiser import make_capturable
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState
from topogrid.training.step import Outcome, StepRecord, learn, record_of

# Libraries choose their algorithms and PyTorch makes the optimiser's state in the first steps, which no graph can hold.
WARM_UP_STEPS = 3

Made = TypeVar("Made")


class Recording(NamedTuple):
    """Work that can be done again by one call."""

    outcome: Outcome
    """Tensors that every replay fills anew."""
    replay: Callable[[], object]


class Recorder(Protocol):
    """Records work without doing it; `record_on_gpu` is the real one."""

    def __call__(self, work: Callable[[], Outcome], generator: torch.Generator) -> Recording:
        """Record ``work``, which draws from ``generator``."""


def uses_graph(wanted: str, device: torch.device, processes: Processes, config: TrainConfig) -> bool:
    """Whether steps are recorded; ``auto`` does so where one process trains on a CUDA device.

    Raises
    ------
    ValueError
        If it was asked for and cannot be.
    """
    # CUDA's own LSTM is not recorded: nobody has tried whether it can be.
    possible = device.type == "cuda" and processes.alone and config.network == "leaky"
    if wanted == "on" and not possible:
        why = f"the device is {device}" if device.type != "cuda" else f"there are {processes.count} processes"
        if device.type == "cuda" and processes.alone:
            why = "the network is an LSTM"
        raise ValueError(f"--cuda_graph on needs one process on a CUDA device, but {why}; leave it out")
    return possible and wanted != "off"


def record_on_gpu(work: Callable[[], Outcome], generator: torch.Generator) -> Recording:
    """Record ``work`` as a CUDA graph; random numbers go on where they stood, also at every replay."""
    return Recording(*captured(work, generator))


def captured(work: Callable[[], Made], generator: torch.Generator) -> tuple[Made, Callable[[], object]]:
    """Record ``work``, which draws from ``generator``; return its tensors, not yet filled, and what fills them."""
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        made = work()
    return made, graph.replay


def on_side_stream(work: Callable[[], Made], stream: torch.cuda.Stream) -> Made:
    """Do ``work`` on a stream of its own: CUDA asks for that before a recording."""
    here = torch.cuda.current_stream(stream.device)
    stream.wait_stream(here)
    with torch.cuda.stream(stream):
        made = work()
    here.wait_stream(stream)
    return made


class Kind(NamedTuple):
    """What makes the work of two steps the same."""

    phase: Phase
    length: int
    """Of the walks, in steps."""
    moments: tuple[int, ...]
    """At which the place code is read."""
    holds: bool
    """Whether movement weights keep their size."""


class GraphedStep:
    """Takes training steps: the first ones as usual, then by replaying a recording of one.

    Parameters
    ----------
    state : TrainState
        Advanced by every call.
    config : TrainConfig
    recorder : Recorder
        How work is recorded.
    insist : bool
        Raise what a recording that fails raises. By default every step is then taken as usual.

    Attributes
    ----------
    trouble : str
        Why nothing could be recorded; empty while all is well.
    """

    def __init__(
        self, state: TrainState, config: TrainConfig, *, recorder: Recorder = record_on_gpu, insist: bool = False
    ) -> None:
        self._state, self._config, self._recorder, self._insist = state, config, recorder, insist
        self.trouble = ""
        self._gave_up = False
        self._left: dict[Kind, int] = {}
        """How many steps of a kind are still taken as usual before one is recorded."""
        self._recordings: dict[Kind, Recording] = {}
        device = state.network.encoder.device
        # Written by every step, recorded or not, and read by the next.
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._n_finite = torch.zeros((), dtype=torch.long, device=device)
        make_capturable(state.optimiser)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, measure: bool, before: StepRecord | None = None) -> StepRecord:
        """Take one step; what the step before reported is known already."""
        state, config = self._state, self._config
        step = state.step + 1
        state.prepare(step, config)
        if step <= growth_steps(config):
            outcome = self._warm_up(watched=measure)
        else:
            moments = tuple(read_steps(step, config))
            outcome = self._take(Kind(*phase_and_length(step, config), moments, holds_movement(step, config)))
        state.step = step
        return record_of(outcome, state, measure=measure)

    def _take(self, kind: Kind) -> Outcome:
        """Take a step of a kind, as usual or by replaying one."""
        left = self._left.setdefault(kind, WARM_UP_STEPS)
        if left == 0 and kind not in self._recordings and not self._gave_up:
            self._record(kind)
        recording = self._recordings.get(kind)
        if recording is None:
            self._left[kind] = max(0, left - 1)
            return self._warm_up()
        recording.replay()
        return recording.outcome

    def _record(self, kind: Kind) -> None:
        state = self._state
        walks = state.generators["walks"]
        stood = walks.get_state()
        # Gradients have to be made inside the recording, in its own memory.
        state.optimiser.zero_grad(set_to_none=True)
        try:
            self._recordings[kind] = self._recorder(self._work, walks)
        except RuntimeError as error:
            if self._insist:
                raise
            self.trouble, self._gave_up = str(error).strip().splitlines()[0], True
            # What was recorded before would go on drawing from the old generator.
            self._recordings.clear()
            # The old generator may believe that it is still being recorded, and the gradients were never filled.
            state.generators["walks"] = torch.Generator(walks.device)
            state.generators["walks"].set_state(stood)
            state.optimiser.zero_grad(set_to_none=True)

    def _work(self, *, watched: bool = True) -> Outcome:
        state, config = self._state, self._config
        before = StepRecord(state.step, {}, self._finite, self._n_finite)
        walks, scale = state.generators["walks"], state.length_scale(config)
        batch = make_batch(config, state.place_cells, walks, step=state.step + 1, scale=scale)
        outcome = learn(state, batch, config, before, watched=watched)
        self._finite.copy_(outcome.finite)
        self._n_finite.copy_(outcome.n_finite)
        return outcome

    def _warm_up(self, *, watched: bool = True) -> Outcome:
        """Take an ordinary step."""
        if self._stream is None:
            return self._work(watched=watched)
        return on_side_stream(lambda: self._work(watched=watched), self._stream)
