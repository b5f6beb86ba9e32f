"""A tensor out of a file is numbers that are all there, of the kind asked for, or is refused in one line."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from topogrid.runs.content import MOST_STEPS, checked_step, checked_tensor, kind, listed
from topogrid.runs.errors import CheckpointError


def refused(value: object, **wanted: Any) -> str:
    with pytest.raises(CheckpointError) as told:
        checked_tensor(value, "encoder in x.pt", **wanted)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_an_honest_tensor_comes_without_its_gradient() -> None:
    value = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    found = checked_tensor(value, "x", shape=(2, 3), finite=True, in_order=True)
    assert torch.equal(found, value)
    assert not found.requires_grad


class Acting(Tensor):
    """A tensor that does something of its own."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1.0], "list"),
        (None, "NoneType"),
        (torch.ones(2, dtype=torch.int64), r"torch.int64 (2,)"),
        (torch.ones(2).to(torch.float8_e5m2), "torch.float8_e5m2 (2,)"),
        (torch.ones(2, device="meta"), "meta torch.float32 (2,)"),
        (torch.ones(2, 2).to_sparse(), "sparse_coo torch.float32 (2, 2)"),
        (torch.ones(2).as_subclass(Acting), "torch.float32 (2,)"),
        (torch.ones(2, dtype=torch.complex64).conj().imag, "torch.float32 (2,)"),
    ],
    ids=["list", "nothing", "whole", "8 bits", "meta", "sparse", "subclass", "negative view"],
)
def test_what_only_acts_like_numbers_in_memory_is_refused(value: object, told: str) -> None:
    assert refused(value) == f"encoder in x.pt must be a tensor of floats, got {told}"


def test_a_few_bytes_cannot_claim_any_shape() -> None:
    assert "claims to be (1000, 1000), which is more than the file holds" in refused(torch.ones(1).expand(1000, 1000))
    assert torch.equal(checked_tensor(torch.ones(4)[1:3], "x"), torch.ones(2))


def test_shape_kind_order_and_values_are_looked_at_where_asked() -> None:
    assert "must be (2, 3), got (3, 2)" in refused(torch.ones(3, 2), shape=(2, 3))
    assert "tensor of uint8 or bool" in refused(torch.ones(2), dtypes=(torch.uint8, torch.bool))
    assert "stored in the order of its axes, got strides (1, 3)" in refused(torch.ones(2, 3).t(), in_order=True)
    for value in (math.nan, math.inf):
        assert "not finite" in refused(torch.tensor([1.0, value]), finite=True)
        checked_tensor(torch.tensor([1.0, value]), "x")


@pytest.mark.parametrize("step", [None, -1, 1.0, True, "3", MOST_STEPS + 1, "a\nb", [5]])
def test_a_step_is_a_whole_number(step: object) -> None:
    assert checked_step({"step": 0}, "x") == 0
    assert checked_step({"step": MOST_STEPS}, "x") == MOST_STEPS
    with pytest.raises(CheckpointError, match="step in x must be a whole number of steps") as told:
        checked_step({"step": step}, "x")
    assert "\n" not in str(told.value)


def test_names_are_listed_in_one_short_line() -> None:
    assert listed([]) == "nothing"
    assert listed(["a", 3]) == "a, 3"
    told = listed(["a\nb", "x" * 500, *range(9)])
    assert "\n" not in told
    assert len(told) < 100
    assert told.endswith(", 3, ...")
    assert kind({}) == "dict"
