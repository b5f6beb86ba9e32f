"""Both ways through weights are products with them, whichever way these are taken."""

from typing import Any

import pytest
import torch
from torch import Tensor

from topogrid.model.low_rank import factors_of
from topogrid.model.module_products import OTHERS, products_of

MODULES, BATCH, UNITS = 2, 3, 40


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def few_patterns() -> Tensor:
    """Return weights of rank 3 from units, and any from the others."""
    between = draw(MODULES, UNITS, 3, seed=0) @ draw(MODULES, 3, UNITS, seed=1) / UNITS
    return torch.cat((between, draw(MODULES, UNITS, OTHERS, seed=2)), dim=-1)


@pytest.mark.parametrize("way", ["full", "few patterns", "bf16", "bf16 and identity"])
@pytest.mark.parametrize("passes", [True, False])
def test_both_ways_are_products_with_the_weights(way: str, passes: bool) -> None:
    weights, senders = few_patterns(), draw(MODULES, BATCH, UNITS + OTHERS, seed=3)
    factors = factors_of(weights[..., :UNITS]) if way == "few patterns" else None
    assert (factors is None) == (way != "few patterns")
    precision: Any = "bf16" if way.startswith("bf16") else "fp32"
    given = weights if factors is None else weights[..., UNITS:]
    products = products_of(given, factors, precision, adds_state=way == "bf16 and identity")
    whole = weights.clone()
    if way == "bf16 and identity":
        whole.diagonal(dim1=-2, dim2=-1).add_(1.0)
    close: dict[str, float] = {"rtol": 2e-2, "atol": 0.1} if precision == "bf16" else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(products.forth(senders), senders @ whole.transpose(1, 2), **close)
    again = draw(MODULES, BATCH, UNITS + OTHERS, seed=4)
    torch.testing.assert_close(products.forth(again), again @ whole.transpose(1, 2), **close)
    into, grad = draw(MODULES, BATCH, UNITS, seed=5), draw(MODULES, BATCH, UNITS, seed=6)
    wanted = into @ whole[..., :UNITS] + (grad if passes else 0.0)
    products.back(grad, into, passes=passes)
    torch.testing.assert_close(grad, wanted, **close)
