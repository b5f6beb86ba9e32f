"""Modules compute what a plain loop computes, whatever is looked at, and so do their gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor

from topogrid.model import module_recurrence as recurrences
from topogrid.model.low_rank import factors_of
from topogrid.model.module_recurrence import module_recurrence

TIME, MODULES, BATCH, UNITS = 7, 3, 4, 5
NAMES = ("displacement", "start", "w_in", "w_rec", "tau", "drive")


@pytest.fixture(autouse=True, params=["together", "in two groups"])
def groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let modules walk all together, or some after the others."""
    groups = (slice(0, MODULES),) if request.param == "together" else (slice(0, 2), slice(2, MODULES))
    monkeypatch.setattr(recurrences, "module_groups", lambda weights: groups)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def inputs(*, own_walks: bool = False, with_tau: bool = True, with_drive: bool = True) -> list[Tensor | None]:
    walks = (TIME, MODULES, BATCH, 2) if own_walks else (TIME, BATCH, 2)
    given: list[Tensor | None] = [
        draw(*walks, seed=0),
        draw(MODULES, BATCH, UNITS, seed=1).relu(),
        draw(MODULES, UNITS, 2, seed=2),
        torch.eye(UNITS, dtype=torch.double) + 0.4 * draw(MODULES, UNITS, UNITS, seed=3),
        1.5 + draw(MODULES, UNITS, seed=4).sigmoid() if with_tau else None,
        0.5 * draw(MODULES, UNITS, seed=5) if with_drive else None,
    ]
    return [None if one is None else one.requires_grad_() for one in given]


def plain_loop(
    displacement: Tensor,
    start: Tensor,
    w_in: Tensor,
    w_rec: Tensor,
    tau: Tensor | None,
    drive: Tensor | None,
    norm: str,
    nudge: Tensor | None = None,
    activation: str = "relu",
) -> Tensor:
    """Return the start and every state after it, ``(1 + T, M, B, N)``, one line of the definition after the other."""
    state, states = start, [start]
    leak = 1.0 if tau is None else 1.0 / tau[:, None]
    for step, move in enumerate(displacement):
        summed = move @ w_in.transpose(1, 2) + state @ w_rec.transpose(1, 2)
        summed = summed if drive is None else summed + drive[:, None]
        summed = summed + nudge if nudge is not None and step == 0 else summed
        if norm == "module":
            state = torch.nn.functional.normalize((state + (summed - state) * leak).relu(), dim=-1)
        else:
            passed = summed.relu() if activation == "relu" else summed.tanh()
            state = state + (passed - state) * leak
        states.append(state)
    return torch.stack(states)


def weighted(values: Tensor) -> Tensor:
    """Return a sum that tells all values apart; of normed units, the sum of squares is always the same."""
    return (draw(*values.shape, seed=9).to(values.dtype) * values).sum()


def gradients(value: Tensor, given: list[Tensor | None]) -> dict[str, Tensor]:
    there = {name: one for name, one in zip(NAMES, given, strict=True) if one is not None}
    return dict(zip(there, torch.autograd.grad(value, list(there.values())), strict=True))


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("own_walks", [False, True])
@pytest.mark.parametrize(("with_tau", "with_drive"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("looked_at", ["all", "from the start", "moments", "both", "early moments"])
def test_activity_and_gradients_are_those_of_a_plain_loop(
    norm: Any, own_walks: bool, with_tau: bool, with_drive: bool, looked_at: str
) -> None:
    given = inputs(own_walks=own_walks, with_tau=with_tau, with_drive=with_drive)
    states = plain_loop(*given, norm)  # type: ignore[arg-type]
    moments = {"moments": [1, 4, 6], "both": [0, 6], "early moments": [2, 3]}.get(looked_at, [])
    whole = looked_at == "from the start"
    followed = module_recurrence(
        *given[:4],
        tau=given[4],
        drive=given[5],
        norm=norm,
        moments=moments,
        from_start=whole,  # type: ignore[arg-type]
    )
    activity = states if whole else states[1:]
    torch.testing.assert_close(followed.activity, activity)
    torch.testing.assert_close(followed.seen, states[1:][moments])
    wanted = given_back = torch.zeros((), dtype=torch.double)
    if looked_at in ("all", "from the start", "both"):
        outside = draw(*activity.shape, seed=6)
        wanted, given_back = wanted + (outside * activity).sum(), given_back + (outside * followed.activity).sum()
    if moments:
        outside = draw(len(moments), MODULES, BATCH, UNITS, seed=7)
        wanted = wanted + (outside * states[1:][moments]).sum()
        given_back = given_back + (outside * followed.seen).sum()
    expected = gradients(wanted, given)
    for name, gradient in gradients(given_back, given).items():
        torch.testing.assert_close(gradient, expected[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("with_tau", [True, False])
@pytest.mark.parametrize("moments", [[], [2, 4]])
def test_a_nudge_is_input_to_the_first_step_alone(norm: Any, with_tau: bool, moments: list[int]) -> None:
    given, nudge = inputs(with_tau=with_tau), draw(MODULES, BATCH, UNITS, seed=8).requires_grad_()
    nudged = module_recurrence(  # type: ignore[misc]
        *given[:4],  # type: ignore[arg-type]
        tau=given[4],
        drive=given[5],
        norm=norm,
        nudge=nudge,
        moments=moments,
    )
    states = plain_loop(*given, norm, nudge)[1:]  # type: ignore[arg-type]
    torch.testing.assert_close(nudged.activity, states)
    ours, theirs = (nudged.seen, states[moments]) if moments else (nudged.activity, states)
    (of_ours, of_theirs) = (torch.autograd.grad(weighted(one), nudge, retain_graph=True)[0] for one in (ours, theirs))
    torch.testing.assert_close(of_ours, of_theirs)
    wanted = gradients(weighted(theirs), given)
    for name, gradient in gradients(weighted(ours), given).items():
        torch.testing.assert_close(gradient, wanted[name], msg=lambda text, name=name: f"{name}: {text}")


def test_a_nudge_alone_has_its_gradient() -> None:
    """Where weights rest no step's input is kept but the first one's."""
    given = [None if one is None else one.detach() for one in inputs()]
    nudge = draw(MODULES, BATCH, UNITS, seed=8).requires_grad_()
    nudged = module_recurrence(*given[:4], tau=given[4], drive=given[5], nudge=nudge)  # type: ignore[arg-type]
    states = plain_loop(*given, "none", nudge)[1:]  # type: ignore[arg-type]
    ours, theirs = (torch.autograd.grad(weighted(one), nudge)[0] for one in (nudged.activity, states))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("moments", [(3, 3), (4, 2), (-1,), (TIME,), (0, TIME + 2)])
def test_moments_that_are_no_steps_in_rising_order_are_refused(moments: tuple[int, ...]) -> None:
    given = inputs()
    with pytest.raises(ValueError, match=f"moments must be steps from 0 to {TIME - 1} in rising order"):
        module_recurrence(*given[:4], tau=given[4], moments=moments)  # type: ignore[arg-type]


def test_what_sees_nothing_has_no_gradient() -> None:
    given = inputs()
    followed = module_recurrence(*given[:4], tau=given[4], drive=given[5])  # type: ignore[arg-type]
    found = torch.autograd.grad(followed.seen.sum(), [one for one in given if one is not None], allow_unused=True)
    assert all(one is None or not one.any() for one in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_in": torch.zeros(UNITS, 2)}, "w_in must be"),
        ({"tau": torch.ones(UNITS)}, "tau must be"),
        ({"displacement": torch.zeros(TIME, 1, 2)}, "displacement must be"),
        ({"activation": "gelu"}, "activation must be"),
        ({"activation": "tanh", "norm": "module"}, "needs activation 'relu'"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: dict[str, Any], message: str) -> None:
    given = dict(zip(NAMES, inputs(), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        module_recurrence(**given)


def test_tanh_is_that_of_a_plain_loop() -> None:
    given = inputs()
    followed = module_recurrence(*given[:4], tau=given[4], drive=given[5], activation="tanh")  # type: ignore[arg-type]
    states = plain_loop(*given, "none", activation="tanh")  # type: ignore[arg-type]
    torch.testing.assert_close(followed.activity, states[1:])
    ours, theirs = (gradients(weighted(one), given) for one in (followed.activity, states[1:]))
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name])


@pytest.mark.parametrize("frozen", NAMES)
@pytest.mark.parametrize("norm", ["none", "module"])
def test_what_is_frozen_gets_no_gradient_and_the_rest_the_same(frozen: str, norm: Any) -> None:
    given = inputs()
    whole = module_recurrence(*given[:4], tau=given[4], drive=given[5], norm=norm, moments=[3])  # type: ignore[arg-type]
    expected = gradients(weighted(whole.seen), given)
    for name, one in zip(NAMES, given, strict=True):
        assert one is not None
        one.requires_grad_(name != frozen)
    again = module_recurrence(*given[:4], tau=given[4], drive=given[5], norm=norm, moments=[3])  # type: ignore[arg-type]
    learned = [one for name, one in zip(NAMES, given, strict=True) if name != frozen]
    left = torch.autograd.grad(weighted(again.seen), learned)  # type: ignore[arg-type]
    for name, gradient in zip([name for name in NAMES if name != frozen], left, strict=True):
        torch.testing.assert_close(gradient, expected[name])


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("exact", ["identity", "nothing"])
def test_bf16_rounds_products_between_units_and_nothing_else(norm: Any, exact: Any) -> None:
    given = [None if one is None else one.detach().float().requires_grad_() for one in inputs()]
    rounded, plain = (
        module_recurrence(*given[:4], tau=given[4], drive=given[5], norm=norm, precision=one, exact=exact)  # type: ignore[arg-type]
        for one in ("bf16", "fp32")
    )
    assert rounded.activity.dtype == torch.float32
    torch.testing.assert_close(rounded.activity, plain.activity, rtol=0.05, atol=0.05)
    assert not torch.equal(rounded.activity, plain.activity)
    ours, theirs = (gradients(weighted(one.activity), given) for one in (rounded, plain))
    for name, gradient in ours.items():
        off = float((gradient - theirs[name]).norm() / theirs[name].norm())
        assert off < 0.1, name


@pytest.mark.parametrize("norm", ["none", "module"])
def test_what_needs_no_gradient_computes_the_same(norm: Any) -> None:
    given = inputs()
    with_gradient = module_recurrence(*given[:4], tau=given[4], drive=given[5], norm=norm)  # type: ignore[arg-type]
    with torch.no_grad():
        without = module_recurrence(*given[:4], tau=given[4], drive=given[5], norm=norm)  # type: ignore[arg-type]
    assert torch.equal(without.activity, with_gradient.activity)


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_forgets_its_activity_sees_the_same(norm: Any, precision: Any) -> None:
    given = [None if one is None else one.detach().float() for one in inputs()]
    how: dict[str, Any] = {"norm": norm, "precision": precision, "moments": [0, 3, 6]}
    remembered, forgot = (
        module_recurrence(*given[:4], tau=given[4], drive=given[5], whole=whole, **how)  # type: ignore[arg-type]
        for whole in (True, False)
    )
    assert torch.equal(forgot.seen, remembered.seen)
    assert len(forgot.activity) == 0


@pytest.mark.parametrize("norm", ["none", "module"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_reads_nothing_from_the_device(norm: Any, precision: Any) -> None:
    given = [None if one is None else one.detach().float().to("meta").requires_grad_() for one in inputs()]
    followed = module_recurrence(
        *given[:4],
        tau=given[4],
        drive=given[5],
        norm=norm,
        precision=precision,
        moments=[2, 5],  # type: ignore[arg-type]
    )
    assert followed.activity.shape == (TIME, MODULES, BATCH, UNITS)
    found = gradients(followed.seen.sum() + followed.activity.sum(), given)
    assert all(found[name].shape == one.shape for name, one in zip(NAMES, given, strict=True) if one is not None)


MANY = 40


def inputs_of_few_patterns(*, with_tau: bool = True) -> list[Tensor | None]:
    """Return inputs of larger modules whose weights are of rank 4 and do not learn."""
    between = draw(MODULES, MANY, 4, seed=3) @ draw(MODULES, 4, MANY, seed=6) / MANY
    given = [
        draw(TIME, BATCH, 2, seed=0),
        draw(MODULES, BATCH, MANY, seed=1).relu(),
        draw(MODULES, MANY, 2, seed=2),
        between,
        1.5 + draw(MODULES, MANY, seed=4).sigmoid() if with_tau else None,
        0.5 * draw(MODULES, MANY, seed=5),
    ]
    return [None if one is None else one.requires_grad_(one is not between) for one in given]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("with_tau", [True, False])
@pytest.mark.parametrize("moments", [[], [1, 4]])
def test_few_patterns_do_what_their_weights_do(activation: Any, with_tau: bool, moments: list[int]) -> None:
    given = inputs_of_few_patterns(with_tau=with_tau)
    nudge = draw(MODULES, BATCH, MANY, seed=8).requires_grad_()
    assert given[3] is not None
    how: dict[str, Any] = {"tau": given[4], "drive": given[5], "nudge": nudge, "activation": activation}
    full, few = (
        module_recurrence(*given[:4], **how, moments=moments, factors=factors)  # type: ignore[arg-type]
        for factors in (None, factors_of(given[3]))
    )
    torch.testing.assert_close(few.activity, full.activity)
    torch.testing.assert_close(few.seen, full.seen)
    learned = [one for one in (*given[:3], *given[4:], nudge) if one is not None]
    ours, theirs = (
        torch.autograd.grad(weighted(one.seen if moments else one.activity), learned) for one in (few, full)
    )
    for gradient, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_few_patterns_are_not_rounded() -> None:
    given = [None if one is None else one.detach().float() for one in inputs_of_few_patterns()]
    assert given[3] is not None
    how: dict[str, Any] = {"tau": given[4], "drive": given[5], "factors": factors_of(given[3])}
    rounded, plain = (
        module_recurrence(*given[:4], **how, precision=precision)  # type: ignore[arg-type]
        for precision in ("bf16", "fp32")
    )
    assert torch.equal(rounded.activity, plain.activity)


def test_factors_of_weights_that_learn_or_take_time_constants_are_refused() -> None:
    given = inputs_of_few_patterns()
    assert given[3] is not None
    factors = factors_of(given[3])
    for learns, norm in ((True, "none"), (False, "module")):
        given[3].requires_grad_(learns)
        with pytest.raises(ValueError, match="factors stand for recurrent weights that do not learn"):
            module_recurrence(*given[:4], tau=given[4], norm=norm, factors=factors)  # type: ignore[arg-type]
