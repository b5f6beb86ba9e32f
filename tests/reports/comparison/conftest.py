"""Six runs that every test of comparisons shares."""

from pathlib import Path

import pytest

from tests.made_runs import six_runs


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of three plain and three tau networks."""
    folder = tmp_path_factory.mktemp("six") / "runs"
    six_runs(folder)
    return folder
