"""The network of Banino et al. (2018): an LSTM that is told speed and turns, and reads place and direction elsewhere.

Its state begins as a linear map of the place and the head-direction code of where a walk begins. Each step tells it
speed, and sine and cosine of the turn since the step before. A linear bottleneck reads the LSTM; place and head
direction are read from that, and its units are those whose rate maps are measured.

Shapes: T time, B batch, H LSTM unit, N unit of the bottleneck, P place.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from topogrid.model.head_directions import encode_directions
from topogrid.model.network import PathIntegrator, Walked
from topogrid.model.penalty import sum_of_squares
from topogrid.model.products import Precision
from topogrid.model.units import at_moments
from topogrid.settings.config import TrainConfig

MOVEMENT = 3
"""What a step tells: speed, and sine and cosine of the turn."""


class Gated(nn.Module):
    """What stands in the place of a wiring: the recurrent weights of the gates, which belong to no sheet.

    Parameters
    ----------
    n_units : int
        LSTM units.
    """

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * n_units, n_units))

    def fit(self, *_ignored: object) -> None:
        """Do nothing: all weights learn from the start."""

    @torch.no_grad()
    def cut(self) -> None:
        """Set all weights to 0."""
        self.weight.zero_()


class LSTMUnits(nn.Module):
    """One layer of LSTM units, in the order of gates of PyTorch: input, forget, cell, output."""

    precision: Precision = "fp32"
    log_tau: None = None
    drive: None = None
    tau: None = None
    compiled = False
    """Without any effect: nothing is left to fuse."""

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.w_in = nn.Parameter(torch.empty(4 * n_units, MOVEMENT))
        self.wiring = Gated(n_units)
        self.bias = nn.Parameter(torch.empty(4 * n_units))

    @property
    def n_units(self) -> int:
        """LSTM units."""
        return self.wiring.weight.shape[1]

    def project_tau(self) -> None:
        """Do nothing: there are no time constants."""

    def forward(self, movement: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return hidden states ``(T, B, H)`` along movement ``(T, B, 3)``, and the last hidden and cell state."""
        weights = [self.w_in, self.wiring.weight, self.bias, torch.zeros_like(self.bias)]
        states, last_hidden, last_cell = torch.lstm(
            movement, (hidden[None], cell[None]), weights, True, 1, 0.0, False, False, False
        )
        return states, last_hidden[0], last_cell[0]


class LSTMIntegrator(PathIntegrator):
    """LSTM, bottleneck and read-outs.

    A state, as `start_state` and `walk` give it, is hidden and cell states and the last direction, ``(B, 2 H + 2)``.

    Parameters
    ----------
    n_place_cells, head_direction_cells : int
        Lengths of the codes, both above 0.
    n_units : int
        Units of the bottleneck.
    lstm_units : int
    dt : float
        Duration of a step, seconds: speed is told in m/s.
    concentration : float
        Of head-direction cells.
    """

    takes_feedback: ClassVar[bool] = False
    units: LSTMUnits  # type: ignore[assignment]
    direction_readout: nn.Parameter

    def __init__(
        self,
        n_place_cells: int,
        n_units: int,
        *,
        lstm_units: int,
        head_direction_cells: int,
        dt: float,
        concentration: float,
    ) -> None:
        nn.Module.__init__(self)
        self.encoder = nn.Parameter(torch.empty(2 * lstm_units, n_place_cells))
        self.direction_encoder = nn.Parameter(torch.empty(2 * lstm_units, head_direction_cells))
        self.units = LSTMUnits(lstm_units)
        self.bottleneck = nn.Parameter(torch.empty(n_units, lstm_units))
        self.readout = nn.Parameter(torch.empty(n_place_cells, n_units))
        self.direction_readout = nn.Parameter(torch.empty(head_direction_cells, n_units))
        self.dt, self.concentration = dt, concentration

    @classmethod
    def from_config(
        cls, config: TrainConfig, *, generator: torch.Generator, precision: Precision = "fp32"
    ) -> LSTMIntegrator:
        """Untrained network of ``config``; there is nothing in it to compute in bf16."""
        network = cls(
            config.n_place_cells,
            config.n_grid_cells,
            lstm_units=config.lstm_units,
            head_direction_cells=config.head_direction_cells,
            dt=config.dt,
            concentration=config.head_direction_concentration,
        )
        network.initialise(generator)
        return network

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw every matrix evenly within 1 / sqrt(its inputs), as the layers of PyTorch are; biases begin at 0."""
        recurrent, units = self.units.wiring.weight, self.units.n_units
        codes = self.encoder.shape[1] + self.direction_encoder.shape[1]
        for weight, inputs in (
            (self.encoder, codes),
            (self.direction_encoder, codes),
            (self.units.w_in, units),
            (recurrent, units),
            (self.bottleneck, units),
            (self.readout, len(self.bottleneck)),
            (self.direction_readout, len(self.bottleneck)),
        ):
            drawn = torch.rand(weight.shape, generator=generator, device=generator.device)
            weight.copy_((2 * drawn - 1) / math.sqrt(inputs))
        self.units.bias.zero_()

    @property
    def n_units(self) -> int:
        """Units of the bottleneck."""
        return len(self.bottleneck)

    @property
    def learns_at_once(self) -> bool:
        """All weights learn in every step."""
        return True

    def learned_weights(self) -> dict[str, list[nn.Parameter]]:
        """Return all weights by what they do."""
        return {
            "recurrent": [self.units.wiring.weight, self.units.bias],
            "readout": [self.bottleneck, self.readout, self.direction_readout],
            "encoder": [self.encoder, self.direction_encoder],
            "movement": [self.units.w_in],
            "drive": [],
            "tau": [],
        }

    def width_scale(self) -> float:
        """Return 1: published networks have one size."""
        return 1.0

    def weight_penalty(self, towards: str, modules: slice = slice(None)) -> Tensor:
        """Return the sum of squares of bottleneck and read-outs, those that the published network decays."""
        del towards, modules
        return sum_of_squares(self.bottleneck) + sum_of_squares(self.readout) + sum_of_squares(self.direction_readout)

    def _follow(self, displacement: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return bottleneck activity ``(T, B, N)`` along displacements ``(T, B, 2)``, and the state after them."""
        n_units = self.units.n_units
        hidden, cell, direction = state[:, :n_units], state[:, n_units:-2], state[:, -2:]
        movement, last = movement_of(displacement, direction, self.dt)
        states, hidden, cell = self.units(movement, hidden.contiguous(), cell.contiguous())
        return functional.linear(states, self.bottleneck), torch.cat((hidden, cell, last), dim=-1)

    def _begin(self, start_code: Tensor, displacement: Tensor) -> Tensor:
        """Return the state before the first step, from the place code ``(B, P)`` and the first displacements."""
        first = displacement[0]
        code = encode_directions(first, self.direction_encoder.shape[1], self.concentration)
        state = functional.linear(start_code, self.encoder) + functional.linear(code, self.direction_encoder)
        return torch.cat((state, directions_of(first)), dim=-1)

    def followed(
        self, start_code: Tensor, displacement: Tensor, moments: list[int] | None, *, joint: bool
    ) -> tuple[Tensor, Tensor]:
        """Follow walks as every network does; see `PathIntegrator.forward`."""
        del joint
        activity, _state = self._follow(displacement, self._begin(start_code, displacement))
        return activity, activity if moments is None else at_moments(activity, moments)

    def begin(self, start_code: Tensor, displacement: Tensor) -> Tensor:
        """Return the state before the first of some displacements ``(time, batch, 2)``."""
        return self._begin(start_code, displacement)

    def go_on(
        self, displacement: Tensor, state: Tensor, moments: list[int] | None, nudge: Tensor | None = None
    ) -> Walked:
        """Go on from a state; there is no input to it."""
        del nudge
        activity, state = self._follow(displacement, state)
        return Walked(activity if moments is None else at_moments(activity, moments), state)

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Cut units of the bottleneck off: they hear nothing and tell nothing; the LSTM does not miss them."""
        self.bottleneck[units] = 0
        self.readout[:, units] = 0
        self.direction_readout[:, units] = 0


def directions_of(displacement: Tensor) -> Tensor:
    """Return displacements ``(..., 2)`` at length 1; 0 where there is none."""
    length: Tensor = torch.linalg.vector_norm(displacement, dim=-1, keepdim=True)
    return displacement / length.clamp_min(torch.finfo(displacement.dtype).tiny)


def movement_of(displacement: Tensor, before: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """Return what each step tells an LSTM.

    Parameters
    ----------
    displacement : Tensor, ``(time, batch, 2)``
        Metres.
    before : Tensor, ``(batch, 2)``
        Direction before the first step, of length 1, or 0 if it is not known: the first step then turns by nothing.
    dt : float
        Seconds.

    Returns
    -------
    movement : Tensor, ``(time, batch, 3)``
        Speed in m/s, and sine and cosine of the turn. An animal that stands keeps its direction.
    last : Tensor, ``(batch, 2)``
        Direction after the last step.
    """
    moved = (displacement != 0).any(dim=-1)
    steps = torch.arange(1, len(displacement) + 1, device=displacement.device)[:, None]
    latest = torch.where(moved, steps, 0).cummax(dim=0).values  # number of the last step that went anywhere
    course = torch.cat((before[None], directions_of(displacement)))
    directions = course.gather(0, latest[..., None].expand(-1, -1, 2))
    previous = torch.cat((before[None], directions[:-1]))
    known = (previous != 0).any(dim=-1, keepdim=True)
    previous = torch.where(known, previous, directions)
    sine = previous[..., 0] * directions[..., 1] - previous[..., 1] * directions[..., 0]
    cosine = (previous * directions).sum(dim=-1)
    speed = torch.linalg.vector_norm(displacement, dim=-1) / dt
    return torch.stack((speed, sine, cosine), dim=-1), directions[-1]
