"""The picture of patterns has a row a kind, and says where there is no lattice."""

import numpy as np
import pytest

from topogrid.figures import pattern_rows


def test_every_kind_has_a_row_with_scores_and_spacing() -> None:
    maps = {"one": np.random.default_rng(0).random((3, 8, 8)), "two": np.zeros((3, 8, 8))}
    scores = {"one": [1.2, 0.5, np.nan], "two": [np.nan] * 3}
    fig = pattern_rows(maps, scores, {"one": [0.7, 0.8, np.nan], "two": [np.nan] * 3})
    titles = [ax.get_title() for ax in fig.axes]
    assert titles[:3] == ["1.20, 0.70 m", "0.50, 0.80 m", "no lattice"]
    assert [ax.get_ylabel() for ax in fig.axes if ax.get_ylabel()] == ["one\nmedian 0.75 m", "two\nno lattice"]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one map"):
        pattern_rows({"one": np.zeros((0, 8, 8))}, {"one": []}, {"one": []})
