"""Durations are written as people say them."""

import math

import pytest

from topogrid.durations import clock, in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (59, "59 seconds"), (89, "89 seconds"), (91, "1.5 minutes"), (1200, "20 minutes"),
     (7200, "2.0 hours"), (90_000, "25 hours"), (1e6, "12 days")],
)  # fmt: skip
def test_words_have_two_digits(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_clock_shows_what_it_does_not_know() -> None:
    assert clock(3725) == "1:02:05"
    assert clock(math.nan) == "?"
