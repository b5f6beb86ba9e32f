"""What the recurrences accept: words that they know, and tensors that belong together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor


def check_words(activation: str, norm: str, precision: str, exact: str) -> None:
    """Refuse words that no recurrence knows, and a norm of tanh.

    Raises
    ------
    ValueError
        With what was wanted and what came.
    """
    for name, word, known in (
        ("activation", activation, ("relu", "tanh")),
        ("norm", norm, ("none", "module")),
        ("precision", precision, ("fp32", "bf16")),
        ("exact", exact, ("identity", "nothing")),
    ):
        if word not in known:
            raise ValueError(f"{name} must be {known[0]!r} or {known[1]!r}, got {word!r}")
    if norm == "module" and activation != "relu":
        raise ValueError(f"norm 'module' divides rectified activity and needs activation 'relu', got {activation!r}")


def check_shapes(displacement: Tensor, start: Tensor, others: dict[str, Tensor | None]) -> None:
    """Refuse tensors whose shapes do not belong together.

    Parameters
    ----------
    displacement, start : Tensor
    others : dict
        Those of ``w_in``, ``w_rec``, ``tau``, ``drive`` and ``nudge`` that there are.

    Raises
    ------
    ValueError
        With what was wanted and what came.
    """
    if start.ndim not in (2, 3) or displacement.ndim not in (3, start.ndim + 1):
        raise ValueError(
            "start must be (batch, unit) or (module, batch, unit) and displacement (time, batch, 2), "
            f"got {tuple(start.shape)} and {tuple(displacement.shape)}"
        )
    *modules, batch, units = start.shape
    wanted = {
        "displacement": (displacement.shape[0], *modules[: displacement.ndim - 3], batch, 2),
        "w_in": (*modules, units, 2),
        "w_rec": (*modules, units, units),
        "tau": (*modules, units),
        "drive": (*modules, units),
        "nudge": tuple(start.shape),
    }
    for name, tensor in {"displacement": displacement, **others}.items():
        if tensor is not None and tuple(tensor.shape) != wanted[name]:
            raise ValueError(
                f"{name} must be {wanted[name]} to go with start {tuple(start.shape)}, got {tuple(tensor.shape)}"
            )


def check_moments(moments: Sequence[int], steps: int) -> None:
    """Refuse moments that are not steps of a walk in rising order.

    Raises
    ------
    ValueError
        With what was wanted and what came.
    """
    rising = all(one < other for one, other in itertools.pairwise(moments))
    if not rising or (len(moments) and not 0 <= moments[0] <= moments[-1] < steps):
        raise ValueError(f"moments must be steps from 0 to {steps - 1} in rising order, got {list(moments)}")
