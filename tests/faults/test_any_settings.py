"""Whatever somebody asks for, a run of two steps works, or it is refused with exit code 2 and one line."""

from pathlib import Path

import pytest

from tests.faults.any_settings import explore


@pytest.mark.slow
def test_thirty_settings_train_or_are_refused(tmp_path: Path) -> None:
    codes = explore(30, tmp_path)
    assert {0, 2} <= set(codes) <= {0, 2, 3}


@pytest.mark.slow
def test_five_hundred_settings_train_or_are_refused(tmp_path: Path) -> None:
    codes = explore(500, tmp_path)
    assert sum(codes.values()) >= 500
    assert min(codes[0], codes[2]) > 50
