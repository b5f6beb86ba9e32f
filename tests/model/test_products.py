"""Products are those of PyTorch, whichever library makes them."""

import pytest
import torch

from topogrid.model import products
from topogrid.model.products import linear, module_groups, multiply


def draw(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.fixture(params=[False, True], ids=["as PyTorch chooses", "oneDNN"])
def onednn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch was built without oneDNN")
    monkeypatch.setattr(products, "_prefers_onednn", lambda: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (5, 3, 7), (200, 64, 33), (0, 4, 3), (3, 4, 0)])
def test_fp32_products_agree_with_double_precision(rows: int, inner: int, columns: int) -> None:
    left, right = draw(rows, inner), draw(inner, columns)
    wanted = (left.double() @ right.double()).float()
    torch.testing.assert_close(multiply(left, right), wanted)
    gaps = torch.zeros(rows, 2 * inner)[:, ::2].copy_(left)
    torch.testing.assert_close(multiply(gaps, right.t().contiguous().t()), wanted)
    part = torch.zeros(inner, 2 * columns)[:, :columns].copy_(right)
    torch.testing.assert_close(multiply(left, part), wanted)
    torch.testing.assert_close(multiply(part.t(), left.t()), wanted.t())


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("leading", [(), (4,), (3, 2)])
def test_linear_agrees_with_pytorch_and_so_does_its_gradient(leading: tuple[int, ...]) -> None:
    ours = [draw(*leading, 5).requires_grad_(), draw(6, 5).requires_grad_()]
    theirs = [value.detach().clone().requires_grad_() for value in ours]
    outside = draw(*leading, 6)
    for function, (values, weights) in ((linear, ours), (torch.nn.functional.linear, theirs)):
        (function(values, weights) * outside).sum().backward()
    torch.testing.assert_close(linear(*ours), torch.nn.functional.linear(*theirs))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_linear_agrees_with_finite_differences() -> None:
    inputs = [draw(3, 2, 4, dtype=torch.double).requires_grad_(), draw(5, 4, dtype=torch.double).requires_grad_()]
    assert torch.autograd.gradcheck(linear, inputs)


def test_bf16_rounds_the_factors_and_nothing_else() -> None:
    values, weights = draw(3, 40).requires_grad_(), draw(5, 40).requires_grad_()
    product = linear(values, weights, "bf16")
    assert product.dtype == torch.float32
    rounded = values.detach().bfloat16().float() @ weights.detach().bfloat16().float().t()
    torch.testing.assert_close(product, rounded, rtol=0.01, atol=0.05)
    product.sum().backward()
    assert values.grad is not None
    assert values.grad.dtype == torch.float32
    torch.testing.assert_close(values.grad, weights.detach().sum(dim=0).expand(3, -1), rtol=0.02, atol=0.05)


def test_linear_runs_on_meta() -> None:
    values, weights = (torch.randn(*shape, device="meta", requires_grad=True) for shape in ((7, 3, 4), (5, 4)))
    product = linear(values, weights, "bf16")
    assert product.shape == (7, 3, 5)
    product.sum().backward()
    assert weights.grad is not None
    assert weights.grad.shape == (5, 4)


@pytest.mark.parametrize("modules", [1, 3, 4, 16, 64])
@pytest.mark.parametrize(("threads", "bytes_each"), [(1, 0), (2, 0), (2, 2), (1, 5)])
def test_groups_hold_all_modules_once_as_many_as_the_caches_hold(
    modules: int, threads: int, bytes_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products.torch, "get_num_threads", lambda: threads)
    weights = torch.empty(modules, 8, 8)
    monkeypatch.setattr(products, "CACHED_BYTES", bytes_each * weights[0].numel() * 4)
    groups = module_groups(weights)
    assert [one for group in groups for one in range(modules)[group]] == list(range(modules))
    assert {group.stop - group.start for group in groups[:-1]} <= {threads * max(1, bytes_each)}


def test_all_modules_walk_together_on_a_gpu() -> None:
    assert module_groups(torch.empty(64, 256, 256, device="meta")) == (slice(0, 64),)
