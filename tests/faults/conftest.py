"""One server that starts runs for all tests of this folder: PyTorch is imported once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Server, serving


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of a file of tests lie."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(shared_server: Server, folder: Path) -> Server:
    return shared_server.within(folder)
