"""The path integrator: place code in, leaky units moved by displacement, place code out.

Shapes: T time, B batch, N unit, P place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from topogrid.analysis.sheets import Sheet
from topogrid.model.kernels import Activation, Norm, normalised
from topogrid.model.products import Precision, linear
from topogrid.model.tau import tau_layout
from topogrid.model.units import TauRNN, at_moments
from topogrid.model.wiring import WIRINGS
from topogrid.model.wiring.dense import Dense
from topogrid.settings.config import TrainConfig


class Prediction(NamedTuple):
    """What the network does along a batch of walks."""

    activity: Tensor
    """``(time, batch, unit)``, after each step. Where modules have walks of their own, as `in_modules` returns it;
    where a part of it was read, as `TauRNN.read` does, and none where modules rest."""
    logits: Tensor | None
    """``(read, batch, place)``, predicted place code before the softmax, at the steps read; ``None`` if none is."""
    directions: Tensor | None = None
    """``(read, batch, cell)``, the same of head-direction cells; ``None`` if there are none."""

    def detached(self) -> Prediction:
        """Return the same without its history."""
        logits, directions = (None if one is None else one.detach() for one in (self.logits, self.directions))
        return Prediction(self.activity.detach(), logits, directions)


class Walked(NamedTuple):
    """How a network went on."""

    activity: Tensor
    """``(moment, batch, unit)``, after each step that was asked for."""
    state: Tensor
    """``(batch, ...)``, from which to go on."""


class Feedback(NamedTuple):
    """The loop from the predicted place code back to the units (Agmon & Burak, eLife 2020)."""

    strength: float | Tensor
    """Share of the difference between what the encoder makes of the place code and the state that is added to the
    drive, per step; ``(batch, 1)`` where walks differ in it."""
    every: int
    """Every how-manieth step it is added, at as many times the strength."""
    code: Callable[[Tensor], Tensor]
    """From logits ``(batch, place)`` to the place code that is fed back."""


class PathIntegrator(nn.Module):
    """Encoder, recurrent units and linear read-out.

    The encoder turns the place code of the start into the first state; from then on the network sees movement only and
    has to keep predicting the place code.

    Parameters
    ----------
    n_place_cells : int
        Length of the place code.
    units : TauRNN
        The recurrent layer.
    signed_start : bool
        Use the encoder's output as the first state as it is. By default it passes the units' non-linearity, so that
        slow ReLU units do not carry negative activity for their time constant.
    head_direction_cells : int
        Length of the code of directions, which has a read-out of its own; 0 for none.
    """

    takes_feedback: ClassVar[bool] = True
    """Whether the place code can be fed back into its state."""

    def __init__(
        self, n_place_cells: int, units: TauRNN, *, signed_start: bool = False, head_direction_cells: int = 0
    ) -> None:
        super().__init__()
        n_units = len(units.w_in)
        self.encoder = nn.Parameter(torch.empty(n_units, n_place_cells))
        self.units = units
        self.readout = nn.Parameter(torch.empty(n_place_cells, n_units))
        self.direction_readout: nn.Parameter | None
        # Begins at 0, so that a network draws the same first weights with it and without.
        directions = nn.Parameter(torch.zeros(head_direction_cells, n_units)) if head_direction_cells else None
        self.register_parameter("direction_readout", directions)
        self.signed_start = signed_start

    @classmethod
    def from_config(
        cls, config: TrainConfig, *, generator: torch.Generator, precision: Precision = "fp32"
    ) -> PathIntegrator:
        """Untrained network of ``config``, all its weights drawn from ``generator`` (on the CPU)."""
        bounds = (config.tau_min, config.tau_max) if config.tau else (1.0, 1.0)
        tau = None
        if config.tau:
            sheet = Sheet.of_units(config.n_grid_cells)
            tau = tau_layout(config.tau_init, sheet, bounds, n_bands=config.n_bands, generator=generator)
        units = TauRNN(
            config.n_grid_cells,
            tau=tau,
            tau_bounds=bounds,
            learnable_tau=config.learnable_tau,
            activation=cast(Activation, config.activation),
            precision=precision,
            wiring=WIRINGS[config.wiring].from_config(config),
            norm=cast(Norm, config.norm),
            drive=config.drive,
        )
        network = cls(
            config.n_place_cells,
            units,
            signed_start=config.starts_signed,
            head_direction_cells=config.head_direction_cells,
        )
        units.wiring.initialise(network, config, generator)
        return network

    def forward(
        self,
        start_code: Tensor,
        displacement: Tensor,
        *,
        moments: list[int] | None = None,
        kept: Tensor | None = None,
        joint: bool = True,
        feedback: Feedback | None = None,
    ) -> Prediction:
        """Integrate walks from the place code of their start, and read place codes out.

        Parameters
        ----------
        start_code : Tensor, ``(batch, place)``
        displacement : Tensor, ``(time, batch, 2)``
            Metres per step.
        moments : list of int, optional
            Steps, counted from 0, at which the place code is read out, all by default.
        kept : Tensor, ``(moment, batch, unit)``, optional
            What the activity that is read is multiplied by: 0 where a reading does without a unit.
        joint : bool
            Give all weights the gradient of what is read; else the read-out alone.
        feedback : Feedback, optional
            Closes the loop from the predicted place code back to the units; gradients go round it.
        """
        if feedback is None:
            activity, seen = self.followed(start_code, displacement, moments, joint=joint)
        else:
            activity, seen = self.looped(start_code, displacement, moments, feedback, joint=joint)
        return self.predicted(activity, seen if kept is None else seen * kept)

    def followed(
        self, start_code: Tensor, displacement: Tensor, moments: list[int] | None, *, joint: bool
    ) -> tuple[Tensor, Tensor]:
        """Return activity along walks, and what is read of it; arguments as of `forward`."""
        with torch.set_grad_enabled(joint and torch.is_grad_enabled()):
            return self.units.read(displacement, self.start_state(start_code), moments, whole=joint)

    def looped(
        self, start_code: Tensor, displacement: Tensor, moments: list[int] | None, feedback: Feedback, *, joint: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the same where the place code is fed back; gradients go round the loop."""
        if not joint:
            with torch.no_grad():
                state = self.start_state(start_code)
            seen = self.walk(displacement, state, feedback=feedback, moments=moments).activity
            return seen[:0], seen
        state, parts = self.start_state(start_code), []
        for begun in range(0, len(displacement), feedback.every):
            nudge = self._nudge(state, feedback)
            parts.append(self.units(displacement[begun : begun + feedback.every], state, nudge=nudge))
            state = parts[-1][-1]
        activity = torch.cat(parts)
        return activity, activity if moments is None else at_moments(activity, moments)

    def _nudge(self, state: Tensor, feedback: Feedback) -> Tensor:
        """Return what pulls a state ``(batch, unit)`` towards the place code that is read from it."""
        said = self.start_state(feedback.code(self.read_out(state)))
        return feedback.strength * feedback.every * (said - state)

    def predicted(self, activity: Tensor, seen: Tensor) -> Prediction:
        """Return activity with what is read out of the part of it that is ``seen``."""
        return Prediction(activity, self.read_out(seen), self.read_directions(seen))

    @property
    def n_units(self) -> int:
        """Units whose activity is measured."""
        return self.units.wiring.n_units

    @property
    def learns_at_once(self) -> bool:
        """Whether all weights learn in every step; with modules, some rest in some phases."""
        return isinstance(self.units.wiring, Dense)

    def width_scale(self) -> float:
        """Return what the learning rate of weights that sum over units is multiplied by; see `Wiring.width_scale`."""
        return self.units.wiring.width_scale

    def learned_weights(self) -> dict[str, list[nn.Parameter]]:
        """Return all weights by what they do, whether they learn or not."""
        units = self.units
        return {
            "recurrent": [units.wiring.weight],
            "readout": [self.readout] + ([] if self.direction_readout is None else [self.direction_readout]),
            "encoder": [self.encoder],
            "movement": [units.w_in],
            "drive": [] if units.drive is None else [units.drive],
            "tau": [] if units.log_tau is None else [units.log_tau],
        }

    def weight_penalty(self, towards: str, modules: slice = slice(None)) -> Tensor:
        """Return the sum of squares of the weights that weight decay is on, or of their distance from the identity.

        Of some modules, where there are modules.
        """
        return self.units.wiring.penalty(towards, modules)

    def in_modules(self, start_code: Tensor, displacement: Tensor) -> Tensor:
        """Follow walks that every module has of its own; no place is read out.

        Parameters
        ----------
        start_code : Tensor, ``(module, batch, place)``
        displacement : Tensor, ``(time, module, batch, 2)``
            Metres per step.

        Returns
        -------
        Tensor, ``(1 + time, module, batch, unit)``
            The start and every state after it, units in the order of the wiring.
        """
        encoder = self.units.wiring.arrange(self.encoder)
        return self.units.in_modules(displacement, normalised(torch.bmm(start_code, encoder.transpose(1, 2))))

    def start_state(self, start_code: Tensor) -> Tensor:
        """First state ``(batch, unit)`` from the place code ``(batch, place)`` of where walks start."""
        state = functional.linear(start_code, self.encoder)
        return state if self.signed_start else self.units.rectified(state)

    def read_out(self, activity: Tensor) -> Tensor:
        """Logits of the place code ``(..., place)`` from activity ``(..., unit)``."""
        return linear(activity, self.readout, self.units.precision)

    def read_directions(self, activity: Tensor) -> Tensor | None:
        """Logits of the code of directions ``(..., cell)`` from activity ``(..., unit)``; ``None`` without one."""
        return None if self.direction_readout is None else functional.linear(activity, self.direction_readout)

    @torch.no_grad()
    def walk(
        self,
        displacement: Tensor,
        state: Tensor,
        *,
        feedback: Feedback | None = None,
        n_before: int = 0,
        moments: list[int] | None = None,
    ) -> Walked:
        """Go on from a state ``(batch, unit)`` along ``(time, batch, 2)`` displacements, without gradients.

        Parameters
        ----------
        displacement, state : Tensor
        feedback : Feedback, optional
            Closes the loop from the predicted place code back to the units.
        n_before : int
            Steps walked before, which say when the next feedback is due.
        moments : list of int, optional
            Steps, counted from 0, in rising order, to return the activity of; all by default.

        Returns
        -------
        Walked

        Raises
        ------
        ValueError
            If a feedback is asked for of a network whose state is no activity that a place code could pull at.
        """
        if feedback is not None and not self.takes_feedback:
            raise ValueError("an LSTM takes no feedback from the place code; leave place_feedback out")
        parts, done, steps = [], 0, len(displacement)
        while done < steps:
            nudge, until = None, steps
            if feedback is not None:
                since = (n_before + done) % feedback.every
                until = min(steps, done + feedback.every - since)
                if since == 0:
                    nudge = self._nudge(state, feedback)
            here = None if moments is None else [moment - done for moment in moments if done <= moment < until]
            activity, state = self.go_on(displacement[done:until], state, here, nudge)
            parts.append(activity)
            done = until
        return Walked(torch.cat(parts), state)

    def go_on(
        self, displacement: Tensor, state: Tensor, moments: list[int] | None, nudge: Tensor | None = None
    ) -> Walked:
        """Go on without feedback; arguments as of `walk`, and an input to the first step."""
        if moments is None:
            activity: Tensor = self.units(displacement, state, nudge=nudge)
            return Walked(activity, activity[-1])
        last = len(displacement) - 1
        wanted = moments if last in moments else [*moments, last]
        _, seen = self.units.read(displacement, state, wanted, nudge=nudge, whole=False)
        return Walked(seen[: len(moments)], seen[-1])

    def begin(self, start_code: Tensor, displacement: Tensor) -> Tensor:
        """Return the state before the first of some displacements ``(time, batch, 2)``, of which it knows nothing."""
        del displacement
        return self.start_state(start_code)

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Cut units off: they start at 0, hear nothing and tell nothing, so that they stay at 0.

        Parameters
        ----------
        units : Tensor of int
            Their numbers on the sheet.
        """
        self.encoder[units] = 0
        self.readout[:, units] = 0
        if self.direction_readout is not None:
            self.direction_readout[:, units] = 0
        self.units.silence(units)


_OLD_NAMES = {"units.w_rec": "units.wiring.weight"}  # of weights in files of earlier versions


def current_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights in a file by the names they have now."""
    return {_OLD_NAMES.get(name, name): value for name, value in state.items()}
