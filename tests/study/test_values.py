"""What is written to a record comes back, to six digits, and what was no number is none again."""

import json
import math

import numpy as np

from topogrid.study.values import numbers, plain, plain_all


def test_numbers_come_back_from_a_record() -> None:
    values = np.array([1.23456789, -0.0, 1e-9, math.nan, math.inf])
    kept = json.loads(json.dumps(plain_all(values), allow_nan=False))
    np.testing.assert_allclose(numbers(kept), [1.23457, 0, 1e-9, math.nan, math.nan])


def test_there_is_nothing_where_there_is_no_number() -> None:
    assert plain(math.nan) is None
    assert numbers([]).shape == (0,)
