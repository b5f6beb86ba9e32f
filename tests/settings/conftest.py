"""A desk of its own for every test that reads command lines."""

from pathlib import Path

import pytest


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder, on a machine of 16 GiB and one process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr("topogrid.settings.machine.machine_memory", lambda: 16 * 2**30)
    return tmp_path
