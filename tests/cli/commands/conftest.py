"""Copies of kept runs, to call commands beside."""

import shutil
from pathlib import Path

import pytest

from tests.saved_runs import DATA, KEPT_VERSION


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside copies of the kept runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("dense", "learned"):
        shutil.copytree(DATA / KEPT_VERSION / name, tmp_path / name)
    return tmp_path
