"""What every process of a run does: build its network; and all that those do which neither log, evaluate nor save."""

from __future__ import annotations

import torch

from topogrid.model.wiring import WIRINGS
from topogrid.runs.checkpoints import load_checkpoint
from topogrid.runs.errors import CheckpointError
from topogrid.session.stopping import StopRequest
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators
from topogrid.training.hardware import (
    choose_device,
    choose_precision,
    compiler_trouble,
    keep_freed_memory,
    use_tensor_cores,
)
from topogrid.training.processes import Processes
from topogrid.training.state import TrainState, new_state
from topogrid.training.step import train


def build_state(config: TrainConfig, processes: Processes, *, fitted: bool = True) -> TrainState:
    """Return the untrained network of a run on this process's device, as fast as the settings and the machine let it.

    Unless ``fitted``, somebody has to call its `TrainState.fit` before training; see `new_state`.

    Raises
    ------
    ValueError
        If the device or the compiler that was asked for is not there.
    """
    keep_freed_memory()
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(processes.device(config.device))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    automatic = WIRINGS[config.wiring].automatic_bf16
    precision = choose_precision(config.precision if config.precision != "auto" or automatic else "fp32", device)
    use_tensor_cores(device, precision)
    if config.compile:
        trouble = compiler_trouble(device)
        if trouble:
            raise ValueError(f"--compile does not work on this machine ({trouble}); leave it out")
    generators = make_generators(config.seed, "cpu", ("weights", "place_cells"))
    generators |= make_generators(config.seed, device, ("walks",))
    state = new_state(config, device, precision, generators, fitted=fitted)
    state.network.units.compiled = state.place_cells.compiled = config.compile
    return state


def accompany(config: TrainConfig, processes: Processes) -> int:
    """Train along with the first process, from where it starts to where it stops; returns its exit code.

    Raises
    ------
    ValueError
        If its checkpoint cannot be read here: machines that train together have to share the folder of the run.
    """
    state = build_state(config, processes)
    checkpoint = processes.tell()
    if checkpoint is None:  # it cannot start, and has said why
        return 2
    if checkpoint:
        try:
            state.load_state_dict(load_checkpoint(checkpoint), checkpoint)
        except (CheckpointError, KeyError, RuntimeError, ValueError, TypeError) as error:
            raise ValueError(f"process {processes.rank} cannot go on from {checkpoint}: {error}") from error
    state.spread(processes)
    with StopRequest(processes.agree) as stop:

        def settle() -> None:
            stop.settle()
            # The first process says when somebody is to look at the weights.
            if state.share is not None and processes.agree(None):
                state.gather()

        for record in train(state, config, after_step=settle):
            stopping = stop.exit_code is not None
            if (stopping or record.metrics) and not bool(record.finite):
                state.gather()
                break
            if stopping:
                break
        code: int = processes.tell()
    return code
