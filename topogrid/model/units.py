"""The recurrent layer: leaky units on the sheet, whichever way they are wired.

Everything outside is in sheet order: states are ``(time, batch, unit)``, parameters ``(unit, ...)``. The wiring alone
knows another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from topogrid.model.kernels import Activation, Norm, normalised
from topogrid.model.module_recurrence import Followed, module_recurrence
from topogrid.model.products import Precision
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.recurrence_inputs import check_moments
from topogrid.model.wiring.base import Wiring, part_of
from topogrid.model.wiring.dense import Dense


class TauRNN(nn.Module):
    """Leaky units with a time constant each; with ``tau=None`` a plain RNN, which is tau = 1 everywhere.

    Time constants are learned as their logarithm and put back inside their bounds by `project_tau` after each optimiser
    step: unlike a clamp inside the forward pass, that leaves no unit stuck where the gradient is zero.

    Parameters
    ----------
    n_units : int
        Units on the sheet.
    tau : Tensor, ``(unit,)``, optional
        First time constants, steps, inside ``tau_bounds``. ``None`` for a plain RNN.
    tau_bounds : (float, float)
        Smallest (at least 1) and largest time constant, steps.
    learnable_tau : bool
        Whether the time constants get a gradient.
    activation : {"relu", "tanh"}
        The non-linearity.
    precision : {"fp32", "bf16"}
        Precision of the products between units; states stay fp32.
    wiring : Wiring, optional
        How units are connected; all to all by default.
    norm : {"none", "module"}
        Whether activity is divided by its norm inside every module after each step.
    drive : float
        Constant input to every unit; 0 is none, and no parameter.

    Raises
    ------
    ValueError
        If ``tau`` leaves its bounds, the bounds are not 1 <= low <= high, or the wiring is of another number of units.
    """

    def __init__(
        self,
        n_units: int,
        *,
        tau: Tensor | None = None,
        tau_bounds: tuple[float, float] = (1.0, 1.0),
        learnable_tau: bool = True,
        activation: Activation = "relu",
        precision: Precision = "fp32",
        wiring: Wiring | None = None,
        norm: Norm = "none",
        drive: float = 0.0,
    ) -> None:
        super().__init__()
        low, high = tau_bounds
        if not 1 <= low <= high:
            raise ValueError(f"tau bounds must be 1 <= low <= high, got {tau_bounds}")
        wiring = wiring or Dense(n_units)
        if wiring.n_units != n_units:
            raise ValueError(f"a wiring of {wiring.n_units} units does not connect {n_units}")
        self.w_in = nn.Parameter(torch.empty(n_units, 2))
        self.wiring = wiring
        self.drive: nn.Parameter | None
        self.register_parameter("drive", nn.Parameter(torch.full((n_units,), drive)) if drive else None)
        self.log_tau: nn.Parameter | None
        if tau is None:
            self.register_parameter("log_tau", None)
        else:
            if tau.shape != (n_units,) or not (tau.min() >= low and tau.max() <= high):
                raise ValueError(f"tau must be {n_units} values between {low} and {high} steps")
            self.log_tau = nn.Parameter(tau.log(), requires_grad=learnable_tau)
        self.log_bounds = (math.log(low), math.log(high))
        self.activation: Activation = activation
        self.norm: Norm = norm
        self.precision: Precision = precision
        self.compiled = False
        """Whether ``torch.compile`` fuses what the recurrence does between its products."""

    @property
    def tau(self) -> Tensor | None:
        """Time constants in steps, ``(unit,)``; ``None`` in a plain RNN."""
        return None if self.log_tau is None else self.log_tau.exp()

    def forward(self, displacement: Tensor, start: Tensor, *, nudge: Tensor | None = None) -> Tensor:
        """Activity ``(time, batch, unit)`` along ``(time, batch, 2)`` displacements from a ``(batch, unit)`` start.

        ``nudge``, ``(batch, unit)``, is input to the first step only.
        """
        arranged = self.wiring.arrange_states(start)
        if arranged.ndim == 2:
            return leaky_recurrence(displacement, arranged, **self._how(), nudge=nudge)
        nudge = None if nudge is None else self.wiring.arrange_states(nudge)
        followed = module_recurrence(displacement, arranged, **self._how_modules(), nudge=nudge)
        return self.wiring.restore_states(followed.activity)

    def read(
        self,
        displacement: Tensor,
        start: Tensor,
        moments: list[int] | None = None,
        *,
        nudge: Tensor | None = None,
        whole: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Follow walks and look at some moments of them, all by default.

        Parameters
        ----------
        displacement : Tensor, ``(time, batch, 2)``
        start : Tensor, ``(batch, unit)``
        moments : list of int, optional
            Steps, counted from 0.
        nudge : Tensor, ``(batch, unit)``, optional
            Input to the first step only.
        whole : bool
            Return all activity; else modules that need no gradient forget it step after step, and return none.

        Returns
        -------
        tuple of Tensor
            All activity, and what is seen of it, ``(moment, batch, unit)``, in the order of the sheet. Where that is
            not all, activity stays in the layout of the wiring: ``(time, module, batch, unit)`` for modules.
        """
        arranged = self.wiring.arrange_states(start)
        if moments is None or arranged.ndim == 2:
            activity = self(displacement, start, nudge=nudge)
            return activity, activity if moments is None else at_moments(activity, moments)
        nudge = None if nudge is None else self.wiring.arrange_states(nudge)
        how = self._how_modules()
        followed = module_recurrence(displacement, arranged, **how, nudge=nudge, moments=moments, whole=whole)
        return followed.activity, self.wiring.restore_states(followed.seen)

    def in_modules(self, displacement: Tensor, start: Tensor) -> Tensor:
        """Follow walks that every module has of its own.

        Parameters
        ----------
        displacement : Tensor, ``(time, module, batch, 2)``
        start : Tensor, ``(module, batch, unit)``
            In the layout of the wiring.

        Returns
        -------
        Tensor, ``(1 + time, module, batch, unit)``
            The start and every state after it.
        """
        return module_recurrence(displacement, start, **self._how_modules(), from_start=True).activity

    def follow_modules(
        self,
        displacement: Tensor,
        start: Tensor,
        modules: slice,
        *,
        moments: Sequence[int] = (),
        from_start: bool = False,
        whole: bool = True,
    ) -> Followed:
        """Follow walks with some of the modules, in the layout of the wiring; see `module_recurrence`."""
        how = self._how_modules(modules)
        return module_recurrence(displacement, start, **how, moments=moments, from_start=from_start, whole=whole)

    def _how(self, modules: slice = slice(None)) -> dict[str, Any]:
        """Return how units are connected and what they do; of some modules, where there are modules."""
        wiring, tau = self.wiring, self.tau
        return {
            "w_in": part_of(wiring.arrange(self.w_in), modules),
            "w_rec": wiring.weights_of(modules),
            "tau": None if tau is None else part_of(wiring.arrange(tau), modules),
            "drive": None if self.drive is None else part_of(wiring.arrange(self.drive), modules),
            "activation": self.activation,
            "norm": self.norm,
            "precision": self.precision,
            "exact": wiring.exact,
            "compiled": self.compiled,
        }

    def _how_modules(self, modules: slice = slice(None)) -> dict[str, Any]:
        """Return the same with the patterns that make up the weights, where few do and time constants stand outside."""
        factors = self.wiring.factors if self.norm == "none" else None
        return self._how(modules) | {"factors": None if factors is None else factors.of(modules)}

    def rectified(self, state: Tensor) -> Tensor:
        """Pass ``(batch, unit)`` through what every later state has passed: the non-linearity, or the norm."""
        if self.norm == "none":
            return state.relu() if self.activation == "relu" else state.tanh()
        return self.wiring.restore_states(normalised(self.wiring.arrange_states(state))[None])[0]

    @torch.no_grad()
    def silence(self, units: Tensor) -> None:
        """Let units hear nothing, whatever parameters there are; ``units`` are their numbers on the sheet."""
        self.w_in[units] = 0
        self.wiring.silence(units)
        if self.drive is not None:
            self.drive[units] = 0

    @torch.no_grad()
    def movement_size(self) -> Tensor:
        """Size of the movement weights of every module, ``(module,)``, per metre: the root of the sum of squares."""
        arranged = self.wiring.arrange(self.w_in)
        size: Tensor = torch.linalg.vector_norm(arranged, dim=(-2, -1))
        return size.reshape(-1)  # all to all, there is one

    @torch.no_grad()
    def resize_movement(self, size: Tensor) -> None:
        """Give the movement weights of every module a size ``(module,)``; those of 0 stay."""
        now = self.movement_size()
        ratio = (size / now).where(now > 0, 1.0)
        self.w_in.mul_(self.wiring.by_unit(ratio)[:, None])

    @torch.no_grad()
    def project_tau(self) -> None:
        """Put every time constant back inside its bounds; call after each optimiser step."""
        if self.log_tau is not None:
            self.log_tau.clamp_(*self.log_bounds)


def at_moments(values: Tensor, moments: list[int]) -> Tensor:
    """Return values ``(time, ...)`` at some moments in rising order, without a copy where these are evenly spaced.

    Raises
    ------
    ValueError
        If moments are no steps of the values in rising order.
    """
    check_moments(moments, len(values))
    if not moments:
        return values[:0]
    stride = moments[1] - moments[0] if len(moments) > 1 else 1
    if moments == list(range(moments[0], moments[-1] + 1, stride)):
        everything = stride == 1 and len(moments) == len(values)
        return values if everything else values[moments[0] : moments[-1] + 1 : stride]
    # An index list would be copied to the device in every step.
    return torch.stack([values[moment] for moment in moments])
