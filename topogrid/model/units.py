"""The recurrent layer: leaky units on the sheet, whichever way they are wired.

Everything outside is in sheet order: states are ``(time, batch, unit)``, parameters ``(unit, ...)``. The wiring alone
knows another order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from topogrid.model.kernels import Activation, Norm, normalised
from topogrid.model.products import Precision
from topogrid.model.recurrence import leaky_recurrence
from topogrid.model.wiring.base import Wiring
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

        ``nudge``, ``(batch, unit)``, is input to the first step only, and has no gradient.
        """
        arranged = self.wiring.arrange_states(start)
        nudged = None if nudge is None else self.wiring.arrange_states(nudge)
        return self.wiring.restore_states(self.in_modules(displacement, arranged, nudge=nudged))

    def in_modules(self, displacement: Tensor, start: Tensor, *, nudge: Tensor | None = None) -> Tensor:
        """Activity ``(time, module, batch, unit)`` from a start in the layout of the wiring.

        Displacements may be ``(time, module, batch, 2)``: every module then has walks of its own.
        """
        wiring, tau = self.wiring, self.tau
        return leaky_recurrence(
            displacement,
            start,
            wiring.arrange(self.w_in),
            wiring.weight,
            None if tau is None else wiring.arrange(tau),
            drive=None if self.drive is None else wiring.arrange(self.drive),
            nudge=nudge,
            activation=self.activation,
            norm=self.norm,
            precision=self.precision,
            exact=wiring.exact,
            compiled=self.compiled,
        )

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
    def project_tau(self) -> None:
        """Put every time constant back inside its bounds; call after each optimiser step."""
        if self.log_tau is not None:
            self.log_tau.clamp_(*self.log_bounds)
