"""A whole training step recorded once on a GPU and replayed: one launch in place of a thousand.

Walks, place code, forward, backward, clipping and update are in the recording; the learning rate and the weight of the
topographic loss are written into tensors before each replay, and metrics are computed beside it, on the steps that are
logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch

from topogrid.settings.config import TrainConfig
from topogrid.training.batch import make_batch
from topogrid.training.objective import growth_steps
from topogrid.training.optimiser import make_capturable
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState
from topogrid.training.step import Outcome, StepRecord, learn, record_of

# Libraries choose their algorithms and PyTorch makes the optimiser's state in the first steps, which no graph can hold.
WARM_UP_STEPS = 3


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
    """Whether steps are recorded; ``auto`` does so where one process trains a dense network on a CUDA device.

    Raises
    ------
    ValueError
        If it was asked for and cannot be.
    """
    # A recording is one kind of step; with modules, what a step does changes from phase to phase.
    # CUDA's own LSTM is not recorded: nobody has tried whether it can be.
    usual = config.network == "leaky" and config.wiring == "dense"
    possible = device.type == "cuda" and processes.alone and usual and not growth_steps(config)
    if wanted == "on" and not possible:
        why = f"the device is {device}" if device.type != "cuda" else f"there are {processes.count} processes"
        if device.type == "cuda" and processes.alone:
            why = f"{config.wiring} wiring trains in phases" if config.network == "leaky" else "the network is an LSTM"
        raise ValueError(f"--cuda_graph on needs one process on a CUDA device, but {why}; leave it out")
    return possible and wanted != "off"


def record_on_gpu(work: Callable[[], Outcome], generator: torch.Generator) -> Recording:
    """Record ``work`` as a CUDA graph; random numbers go on where they stood, also at every replay."""
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        outcome = work()
    return Recording(outcome, graph.replay)


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
        self._left = WARM_UP_STEPS
        self._recording: Recording | None = None
        device = state.network.encoder.device
        # Written by every step, recorded or not, and read by the next.
        self._finite = torch.ones((), dtype=torch.bool, device=device)
        self._n_finite = torch.zeros((), dtype=torch.long, device=device)
        make_capturable(state.optimiser)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, measure: bool, before: StepRecord | None = None) -> StepRecord:
        """Take one step; what the step before reported is known already."""
        state, config = self._state, self._config
        state.prepare(state.step + 1, config)
        if self._left == 0 and self._recording is None and not self.trouble:
            self._record()
        if self._recording is None:
            self._left = max(0, self._left - 1)
            outcome = self._warm_up()
        else:
            self._recording.replay()
            outcome = self._recording.outcome
        state.step += 1
        return record_of(outcome, state, measure=measure)

    def _record(self) -> None:
        state = self._state
        walks = state.generators["walks"]
        stood = walks.get_state()
        # Gradients have to be made inside the recording, in its own memory.
        state.optimiser.zero_grad(set_to_none=True)
        try:
            self._recording = self._recorder(self._work, walks)
        except RuntimeError as error:
            if self._insist:
                raise
            self.trouble = str(error).strip().splitlines()[0]
            # The old generator may believe that it is still being recorded, and the gradients were never filled.
            state.generators["walks"] = torch.Generator(walks.device)
            state.generators["walks"].set_state(stood)
            state.optimiser.zero_grad(set_to_none=True)

    def _work(self) -> Outcome:
        state, config = self._state, self._config
        before = StepRecord(state.step, {}, self._finite, self._n_finite)
        outcome = learn(state, make_batch(config, state.place_cells, state.generators["walks"]), config, before)
        self._finite.copy_(outcome.finite)
        self._n_finite.copy_(outcome.n_finite)
        return outcome

    def _warm_up(self) -> Outcome:
        """Take an ordinary step, on a stream of its own: CUDA asks for that before a recording."""
        if self._stream is None:
            return self._work()
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            outcome = self._work()
        here.wait_stream(self._stream)
        return outcome
