"""Errors are told at any moment that a run chooses, each in words of its own, and nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topogrid.measures import MEASURES, decoding
from topogrid.measures.decoding import AT_A_MOMENT, DECODING, MODULES, MOMENTS, at_its_moment, moment_of


@given(st.floats(1e-6, 3600))
def test_a_moment_is_read_back_from_the_name_it_was_put_into(seconds: float) -> None:
    told = f"{seconds:g}"
    for form in AT_A_MOMENT:
        key = form.key.format(told)
        found = at_its_moment(key)
        assert moment_of(key) == told
        assert found is not None
        assert (found.key, found.about, found.panel) == (key, form.about.format(told), form.panel)


def test_each_form_says_its_moment_once_in_its_name_and_once_in_its_sentence() -> None:
    assert all(form.key.count("{}") == form.about.count("{}") == 1 for form in AT_A_MOMENT)
    assert len({form.key for form in AT_A_MOMENT}) == len({form.about for form in AT_A_MOMENT}) == len(AT_A_MOMENT)


@pytest.mark.parametrize(
    "key",
    [
        "validation/trajectory_error_cm",
        "validation/error_s_cm",
        "validation/error_-2s_cm",
        "validation/error_2.s_cm",
        "validation/error_2es_cm",
        "validation/error_2s",
        "train/error_2s_cm",
        "validation/error_{}s_cm",
    ],
)
def test_what_only_looks_like_an_error_at_a_moment_is_none(key: str) -> None:
    assert at_its_moment(key) is None


def test_every_error_is_told_beside_animals_that_do_not_integrate() -> None:
    """Per moment and for both kinds of walks: one that sits still, and one that always guesses the middle."""
    for moment in MOMENTS:
        assert {f"validation/error_{moment}s{end}_cm" for end in ("", "_hold_still", "_middle")} <= set(MEASURES)
    names = {one.key for one in DECODING}
    assert {decoding.ERROR.key, decoding.STILL_SHORT.key, "validation/middle_short_error_cm"} <= names
    assert {decoding.LONG_ERROR.key, decoding.STILL_LONG.key, "validation/floor_error_cm"} <= names


def test_a_name_ends_with_the_unit_that_its_sentence_tells() -> None:
    for one in (*DECODING, *MODULES, *AT_A_MOMENT):
        for suffix, unit in (("_cm", "cm"), ("_m", "m")):
            if one.key.endswith(suffix):
                assert f", {unit}" in one.about, one.key
                assert one.unit in ("", unit)
