"""What a checkpoint holds, looked at before anything uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from topogrid.files import printable
from topogrid.runs.errors import CheckpointError

MOST_STEPS = 10**15
"""More than anybody trains."""

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""What weights may be stored as; PyTorch also knows floats of 8 bits, which hardly hold any."""


def checked_tensor(
    value: object,
    what: str,
    *,
    shape: tuple[int, ...] | None = None,
    dtypes: tuple[torch.dtype, ...] = FLOATS,
    finite: bool = False,
    in_order: bool = False,
) -> Tensor:
    """Return a tensor out of a file if it is of a wanted kind and all of it is there.

    Parameters
    ----------
    value : object
        What the file holds.
    what : str
        Its name and the file, for messages.
    shape : tuple of int, optional
        The wanted shape; any by default.
    dtypes : tuple of dtype
        Wanted kinds of numbers.
    finite : bool
        Refuse values that are not finite.
    in_order : bool
        Refuse what is stored in another order than that of its axes.

    Returns
    -------
    Tensor
        On the CPU, without a gradient.

    Raises
    ------
    CheckpointError
        If it is none.
    """
    numbers = "floats" if dtypes == FLOATS else " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
    if not isinstance(value, Tensor) or value.dtype not in dtypes or not _plain(value):
        raise CheckpointError(f"{what} must be a tensor of {numbers}, got {kind(value)}")
    # A few bytes can claim any shape, by repeating themselves.
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(f"{what} claims to be {tuple(value.shape)}, which is more than the file holds")
    if shape is not None and tuple(value.shape) != shape:
        raise CheckpointError(f"{what} must be {shape}, got {tuple(value.shape)}")
    if in_order and not value.is_contiguous():
        raise CheckpointError(f"{what} must be stored in the order of its axes, got strides {value.stride()}")
    if finite and not bool(torch.isfinite(value).all()):
        raise CheckpointError(f"{what} has values that are not finite")
    return value.detach()


def _plain(value: Tensor) -> bool:
    """Whether a tensor is numbers in memory, and nothing that only acts like it."""
    return (
        type(value) in (Tensor, torch.nn.Parameter)
        and value.device.type == "cpu"
        and value.layout == torch.strided
        and not value.is_nested
        and not value.is_quantized
        and not value.is_neg()
        and not value.is_conj()
    )


def kind(value: object) -> str:
    """Name what a file holds, for a message."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_nested:
        return "nested tensors"
    odd = [str(value.layout).removeprefix("torch.")] if value.layout != torch.strided else []
    odd += [value.device.type] if value.device.type != "cpu" else []
    return " ".join([*odd, str(value.dtype), str(tuple(value.shape))])


def checked_step(state: Mapping[str, Any], where: str) -> int:
    """Return the step that a checkpoint was saved after.

    Raises
    ------
    CheckpointError
        If it is no whole number of steps.
    """
    step = state.get("step")
    if type(step) is not int or not 0 <= step <= MOST_STEPS:
        raise CheckpointError(f"step in {where} must be a whole number of steps, got {printable(str(step)[:60])}")
    return step


def listed(names: Iterable[Any]) -> str:
    """Write the first of some names, for a message."""
    texts = [printable(str(name)[:60]) for name in names]
    return (", ".join(texts[:6]) + (", ..." if len(texts) > 6 else "")) or "nothing"
