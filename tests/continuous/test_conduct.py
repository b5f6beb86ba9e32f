"""What was asked for is measured, each part from its own noise, and is ready for a file."""

import json

import numpy as np
import pytest
from numpy.typing import ArrayLike

from topogrid.continuous import conduct
from topogrid.continuous.conduct import ACROSS, ALONG, measure, tau_of_places
from topogrid.continuous.sheet import Sheet, Single


class Hasty(Sheet):
    """A sheet whose bumps have no time to settle."""

    def settled(self, tau: ArrayLike, rng: np.random.Generator, n_steps: int = 100) -> Single:
        return super().settled(tau, rng, n_steps)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "Sheet", Hasty)
    boxed = conduct.spacing_in_a_box
    monkeypatch.setattr(
        conduct, "spacing_in_a_box", lambda *given, **named: boxed(*given, **{**named, "seconds": 0.05})
    )


def test_every_sheet_is_measured_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    record = measure([32, 48], 128, [1.0, 2.0], [3, 4], n_walks=2, n_steps=60, say=said.append)
    assert len(record["straight"]) == 2 * 2 * 2 * 2
    assert {part["movement"] for part in record["straight"]} == {ACROSS, ALONG}
    assert [(part["rows"], part["ratio"], part["seed"]) for part in record["box"]] == [
        (rows, ratio, seed) for rows in (32, 48) for ratio in (1.0, 2.0) for seed in (3, 4)
    ]  # fmt: skip
    assert len(said) == 24
    assert said[-1].startswith("24 of 24: ")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert len(record["straight"][0]["flow"]) == len(tau_of_places(128, 2.0)) == 32


def test_a_part_is_the_same_whatever_is_measured_beside_it() -> None:
    alone = measure([32], 128, [2.0], [4], n_walks=0, n_steps=300, say=lambda _: None)
    among = measure([32, 48], 128, [1.0, 2.0], [3, 4], n_walks=0, n_steps=300, say=lambda _: None)
    assert alone["box"] == []
    assert all(part in among["straight"] for part in alone["straight"])
    flows = [part["flow"] for part in among["straight"] if part["rows"] == 32 and part["movement"] == ACROSS]
    assert flows[0] != flows[1]


@pytest.mark.parametrize("columns", [60, 132])
def test_columns_that_places_do_not_fill_are_refused(columns: int) -> None:
    with pytest.raises(ValueError, match="columns"):
        measure([32], columns, [2.0], [0], n_walks=0, n_steps=60, say=lambda _: None)


def test_tau_of_places_is_the_mean_of_their_columns() -> None:
    np.testing.assert_allclose(tau_of_places(128, 1.0), conduct.MIDDLE_TAU)
    assert tau_of_places(128, 4.0).max() < 2 * conduct.MIDDLE_TAU


@pytest.mark.parametrize(
    ("rows", "columns", "walks"), [([32], 960_000_000, 0), ([32, 900_000_000], 288, 0), ([32], 288, 999_999_999)]
)
def test_sheets_and_walks_that_no_memory_holds_are_refused(rows: list[int], columns: int, walks: int) -> None:
    with pytest.raises(ValueError, match=r"walks need about .* GiB, and this machine has .* take fewer"):
        measure(rows, columns, [2.0], [0], n_walks=walks, n_steps=1, say=lambda line: None)
