"""Head-direction cells: a code of the direction that an animal moves in, a second target beside the place code.

Cell k of n prefers the direction 2 pi k / n; cells of Banino et al. (Nature 2018) have preferred directions drawn at
random, these are spread evenly, so that nothing has to be kept. An animal of the walks here looks where it goes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def preferred_directions(n_cells: int, device: torch.device) -> Tensor:
    """Return the unit vectors that cells prefer, ``(cell, 2)``, made on the device."""
    angle = torch.arange(n_cells, device=device) * (2 * math.pi / n_cells)
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


def encode_directions(displacement: Tensor, n_cells: int, concentration: float) -> Tensor:
    """Return the code of directions: a softmax of von Mises tuning curves.

    Parameters
    ----------
    displacement : Tensor, ``(..., 2)``
        Movement, of any length. A step without any has no direction, and all cells an equal share.
    n_cells : int
    concentration : float
        Of the tuning curves, ``exp(concentration * cos(direction - preferred))``; 20 is a width of 13 degrees.

    Returns
    -------
    Tensor, ``(..., cell)``
        Sums to 1.

    References
    ----------
    Banino et al., Nature 2018.
    """
    length = torch.linalg.vector_norm(displacement, dim=-1, keepdim=True)
    direction = displacement / length.clamp_min(torch.finfo(displacement.dtype).tiny)
    return torch.softmax(
        concentration * direction @ preferred_directions(n_cells, displacement.device).to(displacement).t(), dim=-1
    )


def decode_directions(logits: Tensor) -> Tensor:
    """Return the mean direction ``(..., 2)`` of predicted activity, as a vector, from logits ``(..., cell)``."""
    return torch.softmax(logits, dim=-1) @ preferred_directions(logits.shape[-1], logits.device).to(logits)


def direction_errors(decoded: Tensor, displacement: Tensor) -> Tensor:
    """Return the angles between decoded directions and movements, degrees, 0 to 180.

    Parameters
    ----------
    decoded, displacement : Tensor, ``(..., 2)``
        Vectors of any length.

    Returns
    -------
    Tensor, ``(...)``
        NaN where there was no movement. Knowing nothing is 90 degrees in the mean.
    """
    (ax, ay), (bx, by) = decoded.unbind(-1), displacement.unbind(-1)
    angle = torch.atan2(ax * by - ay * bx, ax * bx + ay * by).abs().rad2deg()
    return angle.where((displacement != 0).any(dim=-1), math.nan)
