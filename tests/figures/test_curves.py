"""Errors stand beside every baseline that was measured, and a step that was taken twice counts once."""

import numpy as np
import pytest

from tests.drawn_figures import NAN, all_axes, all_text, named, rows
from topogrid import figures
from topogrid.measures.training import LOSS


def test_errors_stand_beside_every_baseline_that_was_measured() -> None:
    time = np.arange(1, 31)
    fig = figures.error_over_time(
        time,
        time,
        median_cm=time,
        middle_cm=88.0,
        feedback_error_cm=np.full(30, NAN),
        n_walks=7,
        network=named("learned"),
    )
    lines = {line.get_label(): line for line in all_axes(fig)[0].get_lines()}
    assert lines.keys() == {"learned, mean of 7 walks", "median", "guessing the middle"}
    assert set(lines["guessing the middle"].get_ydata()) == {88.0}
    assert lines["median"].get_color() == named("learned").colour
    assert lines["median"].get_linewidth() < lines["learned, mean of 7 walks"].get_linewidth()
    assert all_axes(fig)[0].get_xscale() == "log"
    assert all_axes(figures.error_over_time(time, time, log_time=False))[0].get_xscale() == "linear"
    assert all_axes(figures.error_over_time(time / 2, time))[0].get_xscale() == "linear"


def test_curves_follow_the_steps_and_a_resumed_run_counts_once() -> None:
    again = {"step": 10.0, "train/ce_loss": 5.0, "validation/share_above_0.3": 0.5}
    fig = figures.training_curves([*rows(), again])
    lines = {line.get_label(): line for ax in all_axes(fig) for line in ax.get_lines()}
    np.testing.assert_allclose(lines["cross-entropy"].get_xdata(), np.arange(6) * 10)
    assert lines["cross-entropy"].get_ydata()[1] == 5.0
    assert lines["above 0.3"].get_ydata()[1] == 50.0
    assert lines["noise above 0.3"].get_linestyle() == "--"
    assert lines["noise above 0.3"].get_color() == figures.NULL_COLOUR


def test_only_the_mean_is_drawn_without_a_value() -> None:
    errors = figures.Errors([NAN, NAN], median=[NAN, 1.0], band=[[NAN] * 2] * 2, still=None, middle=NAN)
    assert list(errors.finite()) == ["mean", "median"]


def test_errors_begin_at_zero_and_say_the_last_one() -> None:
    fig = figures.error_over_time([1.0, 2.0], [4.0, 6.0], floor_cm=1.5, feedback_error_cm=[3.0, 2.5], n_walks=1)
    assert all_axes(fig)[0].get_ylim()[0] == 0
    assert fig.get_suptitle().endswith("mean over 1 walk\n6.0 cm after 2 s, 2.5 cm with feedback")
    assert "perfect place code, 1.5 cm" in [line.get_label() for line in all_axes(fig)[0].get_lines()]


def test_what_was_never_logged_is_said_to_be_missing() -> None:
    fig = figures.training_curves([{"step": 10, "train/ce_loss": 6.0}], chance_loss=6.2, n_units=16)
    assert all_text(fig).count("not recorded") == 3
    assert "nothing learned, 6.200" in all_text(fig)
    assert fig.get_suptitle() == "Training of the trained network of 16 units\n10 steps"


def test_losses_of_two_phases_are_not_one_line() -> None:
    logged = [{"step": step, LOSS.key: 0.3 if step < 50 else 6.0, "train/lr": 0.1} for step in range(0, 101, 10)]
    fig = figures.training_curves(logged, phases=[(1, "tau grows"), (41, "place is learned")])
    loss, _, _, rate = fig.axes
    (total,) = [line for line in loss.lines if line.get_label() == "total loss"]
    assert np.isnan(total.get_ydata()).sum() == 1
    jump = np.abs(np.diff(total.get_ydata()))
    assert np.nanmax(jump) == 0
    assert "100 steps: tau grows; from 41 place is learned (grey line)" in all_text(fig)
    assert any(line.get_xdata()[0] == 40.5 for line in rate.lines)
    assert not np.isnan(rate.lines[0].get_ydata()).any()


def test_what_learned_nothing_is_beside_cross_entropies_only() -> None:
    alone = [{"step": step, LOSS.key: 0.1} for step in (1, 50)]
    assert "nothing learned" not in all_text(figures.training_curves(alone, chance_loss=6.2))
    later = [*alone, *({"step": step, LOSS.key: 5.0, "train/ce_loss": 5.0} for step in (60, 90))]
    loss = figures.training_curves(later, chance_loss=6.2).axes[0]
    (level,) = [line for line in loss.lines if "nothing learned" in str(line.get_label())]
    assert level.get_xdata()[0] == 60
    everywhere = figures.training_curves(later[2:], chance_loss=6.2).axes[0]
    (level,) = [line for line in everywhere.lines if "nothing learned" in str(line.get_label())]
    assert level.get_xdata()[0] <= everywhere.get_xlim()[0]


@pytest.mark.parametrize("first", [1, 5, 98, 101, 500])
def test_a_phase_that_begins_anywhere_is_drawn(first: int) -> None:
    logged = [{"step": step, LOSS.key: 1.0} for step in range(0, 101, 10)]
    fig = figures.training_curves(logged, phases=[(1, "a"), (first, "b")])
    assert (f"100 steps: a; from {first} b (grey line)" in all_text(fig)) == (first <= 100)
    assert (": a\n" in all_text(fig) + "\n") == (first > 100)
    lines = [line for line in fig.axes[0].lines if np.array_equal(line.get_xdata(), [first - 0.5] * 2)]
    assert len(lines) == (1 if first <= 103 else 0)
