"""A record holds what was measured, and how spacing goes with its causes."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.study.made_records import record
from topogrid.settings.errors import SettingsError
from topogrid.study.records import read_record, slopes, write_record


def test_slopes_are_those_of_a_known_law() -> None:
    rng = np.random.default_rng(0)
    tau, gain = rng.uniform(2, 5, 9), rng.uniform(1, 2, 9)
    found = slopes(0.3 * tau**0.7 / gain, tau, gain)
    assert found["tau"] == pytest.approx(0.7, abs=1e-5)
    assert found["gain"] == pytest.approx(-1.0, abs=1e-5)


def test_a_cause_that_does_not_vary_has_no_slope() -> None:
    tau = np.array([2.0, 3.0, 4.0, 5.0])
    assert slopes(tau, tau, np.ones(4)) == {"tau": 1.0, "gain": None}
    assert slopes(np.ones(4), np.full(4, 3.0), np.ones(4)) == {"tau": None, "gain": None}


def test_too_few_modules_with_a_spacing_give_no_slope() -> None:
    tau = np.array([2.0, 3.0, 4.0])
    assert slopes(np.full(3, np.nan), tau, np.ones(3)) == {"tau": None, "gain": None}
    assert slopes(np.array([0.5, 0.7, np.nan]), tau, np.ones(3)) == {"tau": None, "gain": None}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = record("learned", 1)
    path = tmp_path / "records" / "learned-seed1.json"
    write_record(kept, path)
    assert read_record(path) == json.loads(json.dumps(kept))


@pytest.mark.parametrize(
    "damage",
    [
        {"format": True}, {"format": 1.0}, {"arm": "other"}, {"arm": ["learned"]}, {"seed": [1]}, {"seed": True},
        {"seed": 2}, {"arm": "attractor"}, {"measures": None}, {"modules": {}}, {"changes": {}},
        {"changes": {"baseline": {}}}, {"changes": {"baseline": {"spacing": [1.0]}, "tau_flat": {"spacing": []}}},
        {"feedback": {}}, {"torus": 3}, {"units": []}, {"silenced": None}, {"minutes": "long"},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_with_a_part_of_another_kind_is_refused(tmp_path: Path, damage: dict) -> None:
    path = tmp_path / "learned-seed1.json"
    write_record(record("learned", 1) | damage, path)
    with pytest.raises(SettingsError, match=r"learned-seed1.json is no .*record of the study.* move it away"):
        read_record(path)


@pytest.mark.parametrize("name", sorted(record("learned", 1)))
def test_a_record_without_a_part_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "learned-seed1.json"
    write_record({part: value for part, value in record("learned", 1).items() if part != name}, path)
    if name in ("step", "versions"):
        read_record(path)
        return
    with pytest.raises(SettingsError, match="move it away"):
        read_record(path)


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    write_record(record("learned", 1) | {"format": 99}, path)
    with pytest.raises(SettingsError, match="move it away to measure again"):
        read_record(path)
