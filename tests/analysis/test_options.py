"""What a function is told beside its maps is taken as it is meant, or refused in one line that says why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from topogrid.analysis.options import as_choice, as_count, as_generator, as_instance, as_number, as_reals, line, short


def test_what_is_meant_is_taken() -> None:
    assert as_number(np.float32(0.5), "x", above=0) == 0.5
    assert as_count(np.int64(3), "n") == 3
    assert as_choice("field", "surrogates", ("ring", "field")) == "field"
    assert as_generator(generator := np.random.default_rng(0)) is generator
    assert as_reals(torch.ones(2, requires_grad=True), "x").dtype == np.float64
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    assert np.isnan(as_reals(masked, "x")).tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "error", "wanted"),
    [
        (lambda: as_number("a", "x"), TypeError, "x must be real numbers, got"),
        (lambda: as_number([1.0, 2.0], "x"), TypeError, "x must be one number"),
        (lambda: as_number(True, "x"), TypeError, "x must be one number, got True"),
        (lambda: as_number(-1.0, "x", above=0, below=1), ValueError, "x must be above 0 and below 1, got -1.0"),
        (lambda: as_number(np.nan, "x"), ValueError, "x must be finite, got nan"),
        (lambda: as_count(4.0, "n"), TypeError, "n must be a whole number, got 4.0"),
        (lambda: as_count(0, "n"), ValueError, "n must be at least 1, got 0"),
        (lambda: as_choice("fields", "surrogates", ("ring", "field")), ValueError, "surrogates must be"),
        (lambda: as_generator(0), TypeError, "rng must be a numpy.random.Generator, got 0"),
        (lambda: as_instance(0, dict, "options"), TypeError, "options must be"),
        (lambda: as_reals(np.array([1j]), "x"), TypeError, "x must be real numbers, got complex numbers"),
    ],
)
def test_what_is_not_is_refused_with_what_was_wanted_and_what_came(
    call: Callable[[], Any], error: type[Exception], wanted: str
) -> None:
    with pytest.raises(error) as refused:
        call()
    assert str(refused.value).startswith(wanted)


def test_what_came_is_shown_on_one_short_line() -> None:
    assert line("a\n  b") == "a b"
    assert len(short(list(range(1000)))) == 60
