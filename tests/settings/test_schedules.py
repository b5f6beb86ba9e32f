"""Schedules of a strength: what words stand for, where ramps are at a step, and what is refused."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topogrid.settings.carried import learning_changes
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import from_mapping, to_mapping
from topogrid.settings.schedules import SHAPES, Part, last_begin, parse_schedule, share_at, takes_the_rest

STEPS = st.integers(1, 400)
SHARES = st.floats(0, 10).map(lambda share: round(share, 3))


@st.composite
def words(draw: st.DrawFn) -> list[str]:
    """Draw the words of a schedule, all with numbers, and perhaps the last without."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        shape, begin, end = draw(st.sampled_from(SHAPES)), draw(SHARES), draw(SHARES)
        end = end if end != begin else begin + 1
        parts.append(f"{shape}:{draw(STEPS)}:{begin}" + ("" if shape == "constant" else f":{end}"))
    return parts


def shares_of(text: str, steps: int = 10) -> list[float]:
    parts = parse_schedule([text], "s")
    return [share_at(parts, step, steps) for step in range(1, steps + 1)]


def test_a_constant_is_the_full_strength() -> None:
    assert shares_of("constant") == [1.0] * 10


def test_a_line_and_half_a_wave_rise_over_the_run() -> None:
    assert shares_of("linear") == pytest.approx([step / 10 for step in range(1, 11)])
    assert shares_of("cosine") == pytest.approx([(1 - math.cos(math.pi * step / 10)) / 2 for step in range(1, 11)])


def test_parts_go_on_where_the_one_before_ended_and_the_last_share_stays() -> None:
    assert shares_of("constant:2:0 linear:2 constant:3 linear:2:1:0") == pytest.approx(
        [0, 0, 0.5, 1, 1, 1, 1, 0.5, 0, 0]
    )
    assert shares_of("linear:2:0:0.5 linear") == pytest.approx([0.25, 0.5, *(0.5 + step / 16 for step in range(1, 9))])


@given(words(), st.integers(1, 2000))
def test_every_part_stays_between_its_shares_and_ends_at_its_last(chosen: list[str], steps: int) -> None:
    parts = parse_schedule(chosen, "s")
    assert len(parts) == len(chosen)
    begun = 0
    for word, part in zip(chosen, parts, strict=True):
        assert word.startswith(part.shape)
        assert part.steps is not None
        low, high = sorted((part.begin, part.end))
        shares = [share_at(parts, begun + step, steps) for step in range(1, part.steps + 1)]
        assert all(low - 1e-9 <= share <= high + 1e-9 for share in shares)
        assert shares[-1] == pytest.approx(part.end)
        rising = [later - earlier for earlier, later in itertools.pairwise(shares)]
        assert all(step * (part.end - part.begin) >= 0 for step in rising)
        begun += part.steps
    assert share_at(parts, begun + 1, steps) == share_at(parts, begun + 10**6, steps) == parts[-1].end
    assert last_begin(parts) == begun - (parts[-1].steps or 0)


@given(words())
def test_parts_may_stand_in_one_word_as_sweeps_give_them(chosen: list[str]) -> None:
    assert parse_schedule([" ".join(chosen)], "s") == parse_schedule(chosen, "s")


def test_a_constant_part_may_come_before_a_ramp_that_falls() -> None:
    assert parse_schedule(("constant:5", "cosine:5:1:0"), "s") == (
        Part("constant", 5, 1.0, 1.0), Part("cosine", 5, 1.0, 0.0)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s must be one or more parts .* got nothing"),
        ("linar", "got 'linar'; did you mean linear?"),
        ("lin:5", "got 'lin:5'; did you mean linear?"),
        ("7", "got '7'"),
        ("linear:", "whole STEPS of 1 and more .* got 'linear:'"),
        ("linear:0", "whole STEPS of 1 and more .* got 'linear:0'"),
        ("linear:2.5", "got 'linear:2.5'"),
        ("linear:1e400", "got 'linear:1e400'"),
        ("linear:9999999999999999", "whole STEPS"),
        ("constant:5:-1", "shares of 0 to 1e\\+06 .* got 'constant:5:-1'"),
        ("constant:5:nan", "got 'constant:5:nan'"),
        ("linear:5:0:inf", "got 'linear:5:0:inf'"),
        ("linear:5:0.5", "got 'linear:5:0.5', which has 1 shares"),
        ("constant:5:0:1", "got 'constant:5:0:1', which has 2 shares"),
        ("linear:5:0:1:2", "which has 3 shares"),
        ("linear:5:1:1", "goes from 1 to 1, wanted two different shares; give linear:STEPS:FROM:TO, or constant"),
        ("linear:5 linear", "goes from 1 to 1"),
        ("linear constant:5", "needs STEPS for every part but the last, .* the part before 'constant:5'"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as told:
        parse_schedule(text.split(), "s")
    assert "\n" not in str(told.value)


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_text_is_a_schedule_or_refused_in_one_line(chosen: list[str]) -> None:
    refusal = ""
    try:
        assert math.isfinite(share_at(parse_schedule(chosen, "s"), 3, 5))
    except SettingsError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) < 2


def test_a_schedule_is_saved_with_the_settings_and_may_lack_in_older_ones() -> None:
    config = TrainConfig(topoloss=True, topoloss_schedule=("constant:5:0", "linear"))
    found = to_mapping(config)
    assert from_mapping(found, "x").config == config
    found.pop("topoloss_schedule")
    assert from_mapping(found, "x").config.topoloss_schedule == ("constant",)


@pytest.mark.parametrize(
    ("schedule", "depends"),
    [(("constant",), False), (("linear:5",), False), (("linear",), True), (("constant:5:0", "constant"), False)],
)
def test_a_longer_run_is_another_one_only_where_a_ramp_takes_the_rest(schedule: tuple[str, ...], depends: bool) -> None:
    assert takes_the_rest(parse_schedule(schedule, "s")) == depends
    asked = {"topoloss": True, "topoloss_schedule": schedule, "lr_schedule": "constant"}
    turned = learning_changes(TrainConfig(**asked, steps=100), TrainConfig(**asked, steps=200))
    assert turned == (["steps 100 -> 200"] if depends else [])
