"""The sentences say what the records hold, whichever way it went."""

from tests.study.made_records import record
from topogrid.study.sentences import sentences


def made(**kinds: dict) -> list[dict]:
    arms = (
        "dense_tau", "blocks_tau", "learned", "learned_blind", "attractor", "attractor_trained", "gain", "both",
    )  # fmt: skip
    return [record(arm, seed, **kinds.get(arm, {})) for arm in arms for seed in range(3)]


def test_each_sentence_follows_its_records() -> None:
    said = sentences(
        made(
            dense_tau={"cells": 0.02},
            learned_blind={"power": 0.0},
            gain={"gain_power": -1.0, "tau": [3.0] * 5},
            both={"gain_power": -0.5, "tau": [2.0, 4.0, 3.0, 2.5, 3.5]},
        )
    )
    assert len(said) == 5
    assert "there is no scale that tau could set: 2 % of units are grid cells" in said[0]
    assert "tau sets the scale: slope 1.00" in said[1]
    assert "whatever their tau, the slope is" in said[1]
    assert "to the power -1.00" in said[3]
    assert "as tau to 1.00" in said[3]
    assert "as gain to -0.50" in said[3]
    assert "does not tell" in said[3]
    assert "51 cm off, and 11 cm with feedback of the decoded place code (strength 0.1, the best of 4" in said[4]

    other = sentences(made(dense_tau={}, learned={"power": 0.0}, gain={"tau": [3.0] * 5}))
    assert "(3 networks of 2,500 steps): tau sets the scale: slope" in other[0]
    assert "tau does not set the scale: the slope of spacing on tau is" in other[1]
    assert "does not tell" not in other[3]


def test_what_is_by_construction_is_not_said_twice() -> None:
    assert all("Lattices are wired" not in line for line in sentences(made()))


def test_a_sentence_needs_all_its_arms() -> None:
    assert sentences([record("dense_tau", 0)]) == []
    both = [record(arm, seed) for arm in ("gain", "both") for seed in range(2)]
    assert len(sentences(both)) == 1
    # One network is no sample.
    assert sentences(both[:-1]) == []
