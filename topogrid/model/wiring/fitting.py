"""Encoder and read-out of an attractor, in closed form: ridge regression on states at known places."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from topogrid.model.wiring.base import Network, PlaceCode
from topogrid.settings.config import TrainConfig
from topogrid.streams import make_generators

N_RAYS = 200  # straight walks from the middle of the box to its walls
STEP_LENGTH = 0.01  # m; slow enough that bumps do not lag behind
STOP_EVERY = 8  # steps
SETTLING_STEPS = 400  # until the bump of a module stands still
FIRST_ACTIVITY = 0.1
ENCODER_RIDGE, READOUT_RIDGE = 3e-5, 1e-3  # in multiples of the mean square of codes, and of states
SHARPNESS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # of the read-out; the one of lowest cross-entropy is taken


@torch.no_grad()
def fit_encoder_and_readout(network: Network, place_cells: PlaceCode, config: TrainConfig) -> None:
    """Set the encoder so that it makes the states of known places, and the read-out so that it names their place.

    All walks begin in the middle of the box from one settled state, so that phases of all modules belong together.
    Depends on the weights and the settings alone.

    Parameters
    ----------
    network : Network
        Changed in place.
    place_cells : PlaceCode
    config : TrainConfig
        Box and seed.
    """
    device = network.encoder.device
    generator = make_generators(config.seed, "cpu", ("fit",))["fit"]
    first = FIRST_ACTIVITY * torch.rand(config.n_grid_cells, generator=generator)
    turn = 2 * math.pi / N_RAYS * torch.rand((), generator=generator)
    places, states = along_rays(network, config.box_size, turn.to(device), first.to(device))
    # Rays are closest to one another in the middle: weighed so, all parts of the box count alike.
    weight = places.norm(dim=-1, keepdim=True).sqrt()
    code = place_cells.encode(places)
    network.encoder.copy_(_ridge(weight * code, weight * states, ENCODER_RIDGE))
    bumps = code / code.amax(dim=-1, keepdim=True)
    network.readout.copy_(_ridge(weight * states, weight * (bumps - bumps.mean(dim=0)), READOUT_RIDGE))
    logits = states @ network.readout.t()
    costs = [-(torch.log_softmax(sharp * logits, dim=-1) * code).sum(dim=-1).mean() for sharp in SHARPNESS]
    # Chosen on the device, so that nothing waits for it.
    network.readout.mul_(torch.tensor(SHARPNESS, device=device)[torch.stack(costs).argmin()])


def along_rays(network: Network, box_size: tuple[float, float], turn: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Walk from the middle of the box to its walls and stop now and then.

    Parameters
    ----------
    network : Network
    box_size : (float, float)
        Metres.
    turn : Tensor, scalar
        Direction of the first ray, radians.
    first : Tensor, ``(unit,)``
        Activity before settling in the middle.

    Returns
    -------
    (Tensor, Tensor)
        Places ``(stop, 2)``, metres, and states ``(stop, unit)``.
    """
    half = torch.tensor(box_size, device=turn.device) / 2
    angle = turn + 2 * math.pi / N_RAYS * torch.arange(N_RAYS, device=turn.device)
    direction = torch.stack((angle.cos(), angle.sin()), dim=-1)
    to_wall = (half / direction.abs().clamp_min(1e-6)).amin(dim=-1, keepdim=True)
    n_steps = STOP_EVERY * max(1, round(math.hypot(*box_size) / 2 / STEP_LENGTH / STOP_EVERY))
    step = (direction * to_wall / n_steps)[None]
    still = direction.new_zeros(SETTLING_STEPS, 1, 2)
    state = network.units(still, first[None])[-1].expand(N_RAYS, -1)
    places, states = [], []
    for stop in range(1, n_steps // STOP_EVERY + 1):
        state = network.units(step.expand(STOP_EVERY, -1, -1), state)[-1]
        places.append(stop * STOP_EVERY * step[0])
        states.append(state)
    return torch.cat(places), torch.cat(states)


def _ridge(inputs: Tensor, outputs: Tensor, strength: float) -> Tensor:
    """Return weights ``(output, input)`` that bring inputs ``(sample, input)`` nearest to outputs ``(sample, output)``.

    Solved over samples where these are fewer than inputs.
    """
    wide = inputs.double()
    size = strength * wide.square().sum() / wide.shape[1]
    if len(wide) < wide.shape[1]:
        inner = wide @ wide.t()
        inner.diagonal().add_(size)
        solution = wide.t() @ torch.linalg.solve(inner, outputs.double())
    else:
        inner = wide.t() @ wide
        inner.diagonal().add_(size)
        solution = torch.linalg.solve(inner, wide.t() @ outputs.double())
    weights: Tensor = solution.t().to(outputs.dtype)
    return weights
