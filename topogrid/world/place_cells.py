"""Place code: where an animal is, written as the activity of place cells, and read back.

Shapes: ``...`` any leading axes, P place cells. A code is non-negative and every population in it sums to 1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from topogrid.settings.config import TrainConfig

DECODED_CELLS = 3  # most active place cells whose centres are averaged
# With a surround, cells that are neither near nor far are the least active of all. Fields narrower than this share of
# the distance between cells have fewer than three cells before that trough, and the third most active one is anywhere.
NARROWEST_DECODED = 0.9


class Population(NamedTuple):
    """Place cells that share one field width and one softmax."""

    cells: slice
    """Where they stand on the place axis."""
    width: float
    """Standard deviation of their fields, metres."""


class PlaceCells(nn.Module):
    """Place cells with fixed centres: a module whose only state is the buffer ``centres``, and that learns nothing.

    With ``surround_amplitude`` a above 0 the code is the *difference of softmaxes* (DoS) of Sorscher et al.:
    ``softmax_i(-|x - c_i|^2 / 2 sigma^2) - a softmax_i(-|x - c_i|^2 / 2 s sigma^2)``, shifted by its minimum over the
    population and divided by its sum; ``s`` is the ratio of the two variances. With a = 0 it is the first softmax alone
    (Gaussian place cells).

    Parameters
    ----------
    centres : Tensor, ``(place, 2)``
        Field centres, metres from the centre of the box.
    widths : sequence of float
        Standard deviations of the fields, metres. Several widths split the cells, in order, into as equal populations
        as can be, each with a softmax of its own.
    box_size : (float, float)
        Width and height of the box, metres; only used when ``periodic``.
    surround_scale : float
        Variance of the surround over variance of the centre, above 1.
    surround_amplitude : float
        Weight of the surround, 0 (Gaussian code) to 1 (DoS).
    periodic : bool
        Measure distances on the torus.

    Raises
    ------
    ValueError
        If there are fewer than `DECODED_CELLS` cells in a population, or a width, scale or amplitude is out of range.

    References
    ----------
    Sorscher et al., NeurIPS 2019 and Neuron 2023; Schaeffer et al., NeurIPS 2022 (role of the field width).
    """

    centres: Tensor
    _box: Tensor

    def __init__(
        self,
        centres: Tensor,
        widths: Sequence[float],
        *,
        box_size: tuple[float, float],
        surround_scale: float = 2.0,
        surround_amplitude: float = 1.0,
        periodic: bool = False,
    ) -> None:
        super().__init__()
        if any(not width > 0 for width in widths) or not widths:
            raise ValueError(f"place-field widths must be above 0 m, got {list(widths)}")
        if len(centres) < DECODED_CELLS * len(widths):
            raise ValueError(
                f"{len(widths)} populations of at least {DECODED_CELLS} place cells need "
                f"{DECODED_CELLS * len(widths)} cells, got {len(centres)}"
            )
        if not surround_scale > 1:
            raise ValueError(f"surround_scale is a ratio of variances and must be above 1, got {surround_scale}")
        if not 0 <= surround_amplitude <= 1:
            raise ValueError(f"surround_amplitude must be between 0 and 1, got {surround_amplitude}")
        self.register_buffer("centres", centres)
        self.box_size = box_size
        self.surround_scale = surround_scale
        self.surround_amplitude = surround_amplitude
        self.periodic = periodic
        self.populations = _split(len(centres), widths)
        self.compiled = False
        """Whether ``torch.compile`` fuses the softmaxes of the code."""
        # Kept on the device: made anew in every step, it would be copied from the host each time.
        self.register_buffer("_box", torch.tensor(box_size, device=centres.device), persistent=False)

    @classmethod
    def from_config(cls, config: TrainConfig, generator: torch.Generator) -> PlaceCells:
        """Scatter the place cells of ``config`` uniformly over its box, on the device of ``generator``."""
        half = torch.tensor(config.box_size, device=generator.device) / 2
        centres = (2 * torch.rand(config.n_place_cells, 2, generator=generator, device=generator.device) - 1) * half
        return cls(
            centres,
            config.pc_width,
            box_size=config.box_size,
            surround_scale=config.surround_scale,
            surround_amplitude=config.surround_amplitude if config.DoG else 0.0,
            periodic=config.periodic,
        )

    @property
    def n_cells(self) -> int:
        """Number of place cells."""
        return len(self.centres)

    def forward(self, position: Tensor) -> Tensor:
        """Place code of positions, as `encode` gives it."""
        return self.encode(position)

    def encode(self, position: Tensor) -> Tensor:
        """Place code of positions.

        Parameters
        ----------
        position : Tensor, ``(..., 2)``
            Metres.

        Returns
        -------
        Tensor, ``(..., place)``
            Non-negative; each population sums to 1.
        """
        flat = position.reshape(-1, 2)
        codes = [self._encode_population(flat, population) for population in self.populations]
        code = codes[0] if len(codes) == 1 else torch.cat(codes, dim=-1)
        return code.reshape(*position.shape[:-1], self.n_cells)

    def softmax(self, logits: Tensor) -> Tensor:
        """Place code ``(..., place)`` that logits predict: a softmax within each population."""
        return torch.cat([logits[..., population.cells].softmax(dim=-1) for population in self.populations], dim=-1)

    def fed_back(self, kind: str) -> Callable[[Tensor], Tensor]:
        """Return what makes the place code that is fed back into a network from its logits ``(..., place)``.

        ``predicted`` is their softmax. It is less sharp than any code of a place, so that much of it blurs the state of
        the units. ``decoded`` is the code of the one place that they name: place cells that compete until one place is
        left; it has no gradient.
        """
        return self.softmax if kind == "predicted" else lambda logits: self.encode(self.decode(logits))

    def decode(self, code: Tensor) -> Tensor:
        """Position from a place code, or from its logits: the mean centre of the three most active cells.

        With several populations, the mean of what those say whose fields are wide enough for it. On a torus the mean
        is taken around the most active cell, so that it does not fall between opposite walls.

        Parameters
        ----------
        code : Tensor, ``(..., place)``
            Place-cell activity, or any increasing function of it within a population.

        Returns
        -------
        Tensor, ``(..., 2)``
            Metres.
        """
        said = []
        for population in self._decodable():
            top = code[..., population.cells].topk(DECODED_CELLS, dim=-1).indices
            centres = self.centres[population.cells][top]
            if self.periodic:
                best = centres[..., :1, :]
                centres = best + self._shortest(centres - best)
            said.append(centres.mean(dim=-2))
        first = said[0]
        if len(said) == 1:
            return self._shortest(first)
        offsets = torch.stack([self._shortest(other - first) for other in said])
        return self._shortest(first + offsets.mean(dim=0))

    def _decodable(self) -> tuple[Population, ...]:
        """Choose the populations whose three most active cells are near each other; all, where none is."""
        if self.surround_amplitude == 0:
            return self.populations
        area = self.box_size[0] * self.box_size[1]
        wide = tuple(
            population
            for population in self.populations
            if population.width
            >= NARROWEST_DECODED * math.sqrt(area / (population.cells.stop - population.cells.start))
        )
        return wide or self.populations

    def error(self, decoded: Tensor, position: Tensor) -> Tensor:
        """Distance between positions ``(..., 2)`` in metres, along the shortest way on a torus."""
        distance: Tensor = torch.linalg.vector_norm(self._shortest(decoded - position), dim=-1)
        return distance

    def _encode_population(self, position: Tensor, population: Population) -> Tensor:
        closeness = self._closeness(position, self.centres[population.cells], population.width)
        code = _compiled_softmaxes() if self.compiled else _difference_of_softmaxes
        return code(closeness, self.surround_scale, self.surround_amplitude)

    def _closeness(self, position: Tensor, centres: Tensor, width: float) -> Tensor:
        """Return minus half the squared distance over the squared width, up to a constant that no softmax sees.

        The constant depends on the position only. In open boxes that makes it one matrix product: ``x.c - |c|^2 / 2``.
        """
        if self.periodic:
            offset = self._shortest(position[:, None, :] - centres)
            return offset.square().sum(dim=-1).mul_(-0.5 / width**2)
        return torch.addmm(centres.square().sum(dim=-1).mul(-0.5 / width**2), position, (centres / width**2).t())

    def _shortest(self, offset: Tensor) -> Tensor:
        if not self.periodic:
            return offset
        return torch.remainder(offset + self._box / 2, self._box) - self._box / 2


def _difference_of_softmaxes(closeness: Tensor, scale: float, amplitude: float) -> Tensor:
    """Return the code from minus half the squared distance over the squared width, which is written over."""
    code = torch.softmax(closeness, dim=-1)
    if amplitude == 0:
        return code
    surround = torch.softmax(closeness.div_(scale), dim=-1)
    code.sub_(surround, alpha=amplitude)
    code.sub_(code.amin(dim=-1, keepdim=True))
    return code.div_(code.sum(dim=-1, keepdim=True))


@functools.cache
def _compiled_softmaxes() -> Callable[[Tensor, float, float], Tensor]:
    return torch.compile(_difference_of_softmaxes)


def _split(n_cells: int, widths: Sequence[float]) -> tuple[Population, ...]:
    edges = [round(n_cells * k / len(widths)) for k in range(len(widths) + 1)]
    return tuple(
        Population(slice(low, high), float(width))
        for low, high, width in zip(edges[:-1], edges[1:], widths, strict=True)
    )
