"""A gradient is drawn by tau, a line a half of a sheet."""

import numpy as np
import pytest

from topogrid.figures import GradientPanel, gradient_panels

TAU = np.concatenate([np.geomspace(6, 24, 10), np.geomspace(24, 6, 10)])


def panel(*lines: np.ndarray) -> GradientPanel:
    return GradientPanel("2 rows", "flow", TAU, lines, 4.25 / TAU)


def test_each_half_is_a_line_over_its_own_tau_and_gaps_are_bridged() -> None:
    flow = 4 / TAU
    flow[3] = np.nan
    figure = gradient_panels([[panel(flow, 2 * flow), panel(flow)], [panel()]], detail="of what")
    first, second, third, empty = figure.axes
    assert len(first.lines) == 5
    assert len(second.lines) == 3
    assert len(third.lines) == 1
    assert not empty.axison
    np.testing.assert_allclose(first.lines[0].get_xdata(), np.delete(TAU[:10], 3))
    np.testing.assert_allclose(first.lines[1].get_ydata(), flow[10:])
    assert first.get_xscale() == first.get_yscale() == "log"


def test_nothing_is_refused() -> None:
    for rows in ([], [[]]):
        with pytest.raises(ValueError, match="one panel or more"):
            gradient_panels(rows)
