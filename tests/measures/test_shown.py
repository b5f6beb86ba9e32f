"""What is shown side by side is tracked, told apart by its words, and of one unit where it shares an axis."""

from topogrid.measures import METRICS
from topogrid.measures.maps import ABOVE_03, ABOVE_08
from topogrid.measures.shown import (
    BY_BINS,
    CHARTS,
    COMPARED,
    COMPARED_IN_WORDS,
    DRAWN_CHARTS,
    FIRST,
    LISTED,
    ORDER,
    PAIRED,
    SHARES,
    SLOPES,
)


def test_every_measure_that_is_shown_is_one_that_is_tracked() -> None:
    lines = [line.measure for chart in CHARTS for line in chart.lines]
    shown = [*COMPARED, *FIRST, *LISTED, *ORDER, *SHARES, *SLOPES, *lines]
    assert all(one.label and one.short for one in shown)
    shown += [one.null for one in shown if one.null is not None]
    described_elsewhere = {"train/total_loss", "train/ce_loss"}  # where the loss is
    assert {one.key for one in shown} <= {*METRICS, *described_elsewhere}
    assert all(name in METRICS for one in shown if one.interval for name in one.interval)


def test_no_two_lines_of_a_comparison_are_called_alike() -> None:
    titles = [one.title for one in COMPARED]
    assert len(set(titles)) == len(titles)


def test_whatever_is_told_in_a_sentence_is_a_line_of_the_table() -> None:
    """Sentences are made from the lines: one that is missing there would end the comparison."""
    assert {*COMPARED_IN_WORDS, *SLOPES} <= set(COMPARED)
    for share in (ABOVE_03, ABOVE_08):
        assert {share, share.null, share.over_null} <= set(COMPARED)


def test_lines_of_a_chart_share_its_unit_and_are_told_apart() -> None:
    for chart in CHARTS:
        assert len({line.label for line in chart.lines}) == len({line.measure.key for line in chart.lines})
        assert all(line.look in {"main", "second", "faint", "null", "null2"} for line in chart.lines)
        assert sum(line.look == "main" for line in chart.lines) == 1
        assert {line.measure.factor for line in chart.lines} == {100.0 if chart.percent else 1.0}
        assert {line.measure.unit[:1] for line in chart.lines} == {chart.unit[:1]}
    assert sum(chart.of_loss for chart in CHARTS) == 1
    assert set(DRAWN_CHARTS) < set(CHARTS)


def test_columns_that_stand_side_by_side_have_different_heads() -> None:
    for columns in (FIRST, LISTED, BY_BINS, SHARES, PAIRED):
        assert len({one.heading or one.key for one in columns}) == len(columns)


def test_what_compares_a_unit_with_itself_is_no_number_of_a_run() -> None:
    assert all(one.key.startswith("paired/") for one in PAIRED)
    assert not {one.key for one in PAIRED} & set(METRICS)
