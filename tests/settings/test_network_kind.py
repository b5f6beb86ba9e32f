"""Every kind of network is called something of its own, and has a colour of its own."""

import itertools

import pytest

from topogrid.figures import PALETTE
from topogrid.figures.style import FEEDBACK_COLOUR
from topogrid.settings.config import TrainConfig
from topogrid.settings.network_kind import NetworkKind

WIRINGS = ("dense", "attractor", "learned")
KINDS = [NetworkKind(*parts) for parts in itertools.product(WIRINGS, (False, True), (False, True))]


def test_no_two_kinds_share_a_name_and_only_one_is_plain() -> None:
    assert len({kind.label for kind in KINDS}) == len(KINDS)
    assert [kind.label for kind in KINDS if kind.plain] == ["plain"]


def test_wirings_with_and_without_tau_have_colours_of_their_own_none_of_them_that_of_feedback() -> None:
    without_loss = [kind.colour for kind in KINDS if not kind.topoloss]
    assert len(set(without_loss)) == len(without_loss)
    assert {kind.colour for kind in KINDS} <= set(PALETTE)
    assert FEEDBACK_COLOUR not in {PALETTE[kind.colour] for kind in KINDS}


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "plain"),
        ({"tau": True}, "tau"),
        ({"topoloss": True}, "topoloss"),
        ({"tau": True, "topoloss": True}, "tau+topoloss"),
    ],
)
def test_settings_resolve_to_one_kind(settings: dict[str, bool], label: str) -> None:
    config = TrainConfig(**settings)  # type: ignore[arg-type]
    assert config.kind == NetworkKind("dense", settings.get("tau", False), settings.get("topoloss", False))
    assert config.kind.label == config.describe() == label
