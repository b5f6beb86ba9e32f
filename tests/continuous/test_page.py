"""The page says of every case what its numbers say, and draws it."""

from pathlib import Path
from typing import Any

import pytest

from topogrid.continuous.conduct import ACROSS, ALONG
from topogrid.continuous.page import cases_of, sentences, write_page


def part(concentration: float | None, ratio: float | None = 1.5, **more: Any) -> dict[str, Any]:
    half = {"ratio": ratio, "concentration": concentration}
    return {"rows": 32, "ratio": 4.0, "seed": 0, "halves": [half, half], **more}


FLOW: list[float | None] = [0.5, None, 0.4, 0.3] * 8


def record(across: float | None, boxed: float | None, *, ratio: float | None = 1.5) -> dict[str, Any]:
    return {
        "middle_tau_steps": 12.0, "columns": 128, "place_columns": 4, "n_steps": 10, "n_walks": 4,
        "straight": [
            part(across, movement=ACROSS, flow=FLOW),
            part(0.4, movement=ALONG, flow=FLOW),
            part(0.4, ratio=1.02, movement=ALONG, flow=FLOW, rows=48),
        ],
        "box": [part(boxed, ratio, spacing_m=FLOW, grid_like=[1.0] * 32)],
    }  # fmt: skip


def test_verdicts_follow_the_numbers() -> None:
    said = sentences(record(0.9, 0.4))
    assert said == [
        "Movement across the gradient: flow is stepped on sheets of every size.",
        "Movement along the gradient: flow is smooth on 2 rows of bumps with a ratio of 4; the same everywhere on "
        "3 rows of bumps with a ratio of 4.",
        "Movement in a box: spacing is smooth on sheets of every size.",
    ]
    assert sentences(record(0.5, 0.9))[2] == "Movement in a box: spacing is stepped on sheets of every size."
    assert sentences(record(0.5, None, ratio=None))[2].endswith("not to be measured on sheets of every size.")


def test_halves_and_seeds_are_pooled() -> None:
    made = record(0.9, 0.4)
    made["straight"].append(part(0.7, seed=1, movement=ACROSS, flow=FLOW))
    case = cases_of(made)[0]
    assert (case.rows, case.climb.concentration, case.lowest, case.highest) == (32, pytest.approx(0.8), 0.7, 0.9)


@pytest.mark.parametrize(
    ("boxed", "ratio", "told", "not_told"),
    [
        (0.4, 1.5, "borders do", "makes modules without"),
        (0.9, 1.5, "makes modules without borders", "borders do"),
        (None, None, "Compare this with", "what the box tells"),
    ],
)
def test_the_page_draws_only_the_conclusion_that_its_numbers_allow(
    tmp_path: Path, boxed: float | None, ratio: float | None, told: str, not_told: str
) -> None:
    written = write_page(record(0.9, boxed, ratio=ratio), tmp_path / "out", command="topogrid continuous --rows 32")
    text = written.page.read_text()
    assert told in text
    assert not_told not in text
    assert "`topogrid continuous --rows 32`" in text
    assert written.picture.stat().st_size > 10_000
    assert written.numbers.is_file()
