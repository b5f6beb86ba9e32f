"""The path integrator: place code in, leaky units moved by displacement, place code out.

Shapes: T time, B batch, N unit, P place.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from topogrid.config import TrainConfig
from topogrid.products import Precision, linear
from topogrid.recurrence import Activation, leaky_recurrence
from topogrid.sheet import CorticalSheet, tau_layout

REFERENCE_UNITS = 576  # the 24x24 sheet on which recipes were searched


class Prediction(NamedTuple):
    """What the network does along a batch of walks."""

    activity: Tensor
    """``(time, batch, unit)``, after each step."""
    logits: Tensor
    """``(time, batch, place)``, predicted place code before the softmax."""


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

    Raises
    ------
    ValueError
        If ``tau`` leaves its bounds, or the bounds are not 1 <= low <= high.
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
    ) -> None:
        super().__init__()
        low, high = tau_bounds
        if not 1 <= low <= high:
            raise ValueError(f"tau bounds must be 1 <= low <= high, got {tau_bounds}")
        self.w_in = nn.Parameter(torch.empty(n_units, 2))
        self.w_rec = nn.Parameter(torch.empty(n_units, n_units))
        self.log_tau: nn.Parameter | None
        if tau is None:
            self.register_parameter("log_tau", None)
        else:
            if tau.shape != (n_units,) or not (tau.min() >= low and tau.max() <= high):
                raise ValueError(f"tau must be {n_units} values between {low} and {high} steps")
            self.log_tau = nn.Parameter(tau.log(), requires_grad=learnable_tau)
        self.log_bounds = (math.log(low), math.log(high))
        self.activation: Activation = activation
        self.precision: Precision = precision
        self.compiled = False
        """Whether ``torch.compile`` fuses what the recurrence does between its products."""

    @property
    def tau(self) -> Tensor | None:
        """Time constants in steps, ``(unit,)``; ``None`` in a plain RNN."""
        return None if self.log_tau is None else self.log_tau.exp()

    def forward(self, displacement: Tensor, start: Tensor) -> Tensor:
        """Activity ``(time, batch, unit)`` along ``(time, batch, 2)`` displacements from a ``(batch, unit)`` start."""
        return leaky_recurrence(
            displacement,
            start,
            self.w_in,
            self.w_rec,
            self.tau,
            activation=self.activation,
            precision=self.precision,
            compiled=self.compiled,
        )

    @torch.no_grad()
    def project_tau(self) -> None:
        """Put every time constant back inside its bounds; call after each optimiser step."""
        if self.log_tau is not None:
            self.log_tau.clamp_(*self.log_bounds)


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
    """

    def __init__(self, n_place_cells: int, units: TauRNN, *, signed_start: bool = False) -> None:
        super().__init__()
        n_units = len(units.w_in)
        self.encoder = nn.Parameter(torch.empty(n_units, n_place_cells))
        self.units = units
        self.readout = nn.Parameter(torch.empty(n_place_cells, n_units))
        self.signed_start = signed_start

    @classmethod
    def from_config(
        cls, config: TrainConfig, *, generator: torch.Generator, precision: Precision = "fp32"
    ) -> PathIntegrator:
        """Untrained network of ``config``, all its weights drawn from ``generator`` (on the CPU)."""
        bounds = (config.tau_min, config.tau_max) if config.tau else (1.0, 1.0)
        tau = None
        if config.tau:
            sheet = CorticalSheet.of_units(config.n_grid_cells)
            tau = tau_layout(config.tau_init, sheet, bounds, n_modules=config.n_modules, generator=generator)
        units = TauRNN(
            config.n_grid_cells,
            tau=tau,
            tau_bounds=bounds,
            learnable_tau=config.learnable_tau,
            activation=cast(Activation, config.activation),
            precision=precision,
        )
        network = cls(config.n_place_cells, units, signed_start=config.starts_signed)
        initialise(
            network, config.init, generator, input_gain=config.input_gain, recurrent_noise=config.recurrent_noise
        )
        return network

    def forward(self, start_code: Tensor, displacement: Tensor) -> Prediction:
        """Integrate ``displacement`` ``(time, batch, 2)`` (metres per step) from the place code ``(batch, place)``."""
        activity = self.units(displacement, self.start_state(start_code))
        return Prediction(activity, self.read_out(activity))

    def start_state(self, start_code: Tensor) -> Tensor:
        """First state ``(batch, unit)`` from the place code ``(batch, place)`` of where walks start."""
        state = functional.linear(start_code, self.encoder)
        if self.signed_start:
            return state
        return state.relu() if self.units.activation == "relu" else state.tanh()

    def read_out(self, activity: Tensor) -> Tensor:
        """Logits of the place code ``(..., place)`` from activity ``(..., unit)``."""
        return linear(activity, self.readout, self.units.precision)


@torch.no_grad()
def initialise(
    network: PathIntegrator,
    scheme: str,
    generator: torch.Generator,
    *,
    input_gain: float = 1.0,
    recurrent_noise: float = 0.0,
) -> None:
    """Draw the first weights in place; the same scheme serves the plain and the tau network.

    ``xavier`` draws every matrix uniformly within ``sqrt(6 / (fan_in + fan_out))``.

    ``identity`` draws encoder and movement weights as ``xavier`` does on a sheet of `REFERENCE_UNITS`, times
    ``input_gain``; its recurrent weights are ``I + recurrent_noise * normal / sqrt(N)``, so that a unit adds up its
    input at the rate 1 / tau; and its read-out is the transpose of the encoder times ``REFERENCE_UNITS / N``, so that
    from the first step on the network says roughly where the walk began and has only movement left to learn. Activity
    and logits then start at the same size on every sheet (the maximal-update parametrisation of Yang & Hu).

    Raises
    ------
    ValueError
        For an unknown scheme.

    References
    ----------
    Glorot & Bengio, AISTATS 2010; Le, Jaitly & Hinton, arXiv:1504.00941 (identity-initialised ReLU networks); Yang &
    Hu, ICML 2021 (scaling with width).
    """
    if scheme not in ("identity", "xavier"):
        raise ValueError(f"init must be 'identity' or 'xavier', got {scheme!r}")
    w_rec = network.units.w_rec
    if scheme == "xavier":
        for weight in (network.encoder, network.units.w_in, network.readout, w_rec):
            weight.copy_(_xavier(weight, generator, sum(weight.shape)))
        return
    for weight in (network.encoder, network.units.w_in):
        weight.copy_(input_gain * _xavier(weight, generator, weight.shape[1] + REFERENCE_UNITS))
    network.readout.copy_(network.encoder.t() * width_scale(len(w_rec)))
    noise = torch.randn(w_rec.shape, generator=generator, device=generator.device)
    w_rec.copy_(noise * (recurrent_noise / math.sqrt(len(w_rec))))
    w_rec.diagonal().add_(1.0)


def width_scale(n_units: int) -> float:
    """Return how much smaller than on a sheet of `REFERENCE_UNITS` a weight that is summed over units has to be."""
    return REFERENCE_UNITS / n_units


def _xavier(weight: Tensor, generator: torch.Generator, fans: int) -> Tensor:
    bound = math.sqrt(6 / fans)
    return bound * (2 * torch.rand(weight.shape, generator=generator, device=generator.device) - 1)
