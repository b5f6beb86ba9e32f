"""The study is trained, measured and kept network by network; what is there is not done again."""

from pathlib import Path
from unittest.mock import patch

import pytest

from tests.study.made_records import record
from topogrid.settings.errors import SettingsError
from topogrid.study import arms, conduct, records
from topogrid.study.arms import ARMS, Arm
from topogrid.study.conduct import Network, carry_out, plan, records_in
from topogrid.study.records import record_path, write_record

TINY = Arm(
    "tiny",
    "a network of seconds",
    {
        "preset": "smoke", "tau": True, "wiring": "learned", "steps": 3, "n_grid_cells": 36, "eval_walks": 4,
        "long_walks": 2, "long_seconds": 0.2, "eval_bins": 8,
    },
)  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Network:
    monkeypatch.setitem(ARMS, "tiny", TINY)
    monkeypatch.setattr(records, "MEASURED_WITH", {"eval_bins": 8, "eval_walks": 4, "long_walks": 2})
    monkeypatch.setattr(records, "CHANGES", ("tau_x1.25",))
    return Network(TINY, 4)


def test_what_is_measured_is_not_done_again_and_seeds_come_one_after_another(tmp_path: Path) -> None:
    chosen = [ARMS["learned"], ARMS["attractor"]]
    write_record(record("learned", 0), record_path(tmp_path / "records", ARMS["learned"], 0))
    found = plan(chosen, (0, 1), tmp_path)
    assert [one.name for one in found.done] == ["learned-seed0"]
    assert [one.name for one in found.left] == ["attractor-seed0", "learned-seed1", "attractor-seed1"]


def test_a_network_is_trained_measured_and_kept(tiny: Network, tmp_path: Path) -> None:
    said: list[str] = []
    assert carry_out(tiny, tmp_path / "out", tmp_path / "runs", said.append) == 0
    (kept,) = records_in(tmp_path / "out")
    assert (kept["arm"], kept["seed"], kept["step"]) == ("tiny", 4, 3)
    assert list(kept["changes"]) == ["baseline", "tau_x1.25"]
    assert kept["minutes"] > 0
    assert "validation/share_gate" in kept["measures"]

    # Trained before, it is only measured again.
    record_path(tmp_path / "out" / "records", TINY, 4).unlink()
    with patch.object(conduct, "run_training", side_effect=AssertionError):
        assert carry_out(tiny, tmp_path / "out", tmp_path / "runs", said.append) == 0


def test_a_run_of_other_settings_is_refused(tiny: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert carry_out(tiny, tmp_path / "out", tmp_path / "runs", lambda _line: None) == 0
    other = TINY._replace(settings={**TINY.settings, "tau_max": 3.0})
    monkeypatch.setitem(arms.ARMS, "tiny", other)
    with pytest.raises(SettingsError, match=r"tau_max 4\.9, not 3\.0; move it away"):
        carry_out(Network(other, 4), tmp_path / "out", tmp_path / "runs", lambda _line: None)


def test_nothing_is_trained_where_only_measuring_was_asked_for(tmp_path: Path) -> None:
    said: list[str] = []
    assert carry_out(Network(ARMS["dense"], 0), tmp_path, tmp_path / "runs", said.append, measure_only=True) == 0
    assert said == ["dense-seed0: left out, it is not trained"]
    assert not (tmp_path / "runs").exists()


def test_what_is_trained_in_part_says_how_far(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "runs" / "dense-seed0"
    folder.mkdir(parents=True)
    for summary in (None, '{"train/steps_done": 271}'):
        if summary is not None:
            (folder / "summary.json").write_text(summary)
        assert carry_out(Network(ARMS["dense"], 0), tmp_path, tmp_path / "runs", said.append, measure_only=True) == 0
    assert said == [
        "dense-seed0: left out, its training has not ended",
        "dense-seed0: left out, it is trained for 271 of 2,500 steps",
    ]


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    path = record_path(tmp_path / "records", ARMS["learned"], 0)
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(SettingsError, match="no record of the study"):
        plan([ARMS["learned"]], (0,), tmp_path)


def test_a_network_that_cannot_be_measured_is_left_out_and_the_study_goes_on(tiny: Network, tmp_path: Path) -> None:
    said: list[str] = []
    with patch.object(conduct, "measure_network", side_effect=ValueError("activity must be finite")):
        assert carry_out(tiny, tmp_path / "out", tmp_path / "runs", said.append) == 0
    assert said[-1] == "tiny-seed4: left out, it cannot be measured: activity must be finite"
    assert records_in(tmp_path / "out") == []
