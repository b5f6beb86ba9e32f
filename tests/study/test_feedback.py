"""The best feedback is that with the smallest error after a minute, over seeds."""

from tests.study.made_records import record
from topogrid.study.feedback import best_feedback, feedback_table


def test_the_best_code_and_strength_are_found() -> None:
    best = best_feedback([record("attractor", seed) for seed in range(3)], "attractor")
    assert best is not None
    assert best[:2] == ("decoded", 0.1)
    assert abs(best[2] - 11.0) < 1e-9


def test_a_row_is_a_code_and_a_strength_and_nothing_fed_back_comes_once() -> None:
    columns, body = feedback_table([record("attractor", seed) for seed in range(3)], "attractor")
    assert columns == ["fed back", "strength", "60 s, speed x1, cm", "60 s, speed x2, cm"]
    assert [line[:2] for line in body] == [
        ["nothing", "0"], ["predicted code", "0.01"], ["predicted code", "0.1"], ["decoded code", "0.01"],
        ["decoded code", "0.1"],
    ]  # fmt: skip
    assert body[-1][2] == "11.0 (10.0 to 12.0)"
    assert feedback_table([record("attractor", 0)], "attractor")[1][-1][2] == "10.0"


def test_without_a_sweep_there_is_nothing_to_tell() -> None:
    bare = record("attractor", 0) | {"feedback": []}
    assert feedback_table([bare], "attractor") == ([], [])
    assert best_feedback([bare], "attractor") is None
    assert best_feedback([record("learned", 0)], "attractor") is None
