"""Parsers of files from others return or raise a documented error, also on bytes that a search once found."""

import random
from pathlib import Path

import pytest

from tests.faults.parsers import CORPUS, FIRST, parsers_of_files, try_bytes

KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


def test_every_parser_has_inputs_that_were_found() -> None:
    assert {path.parent.name for path in KEPT} == FIRST.keys() == parsers_of_files().keys()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name[:8]}")
def test_what_was_found_is_read_or_refused(path: Path, tmp_path: Path) -> None:
    try_bytes(parsers_of_files()[path.parent.name], path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", FIRST)
def test_good_files_are_read_and_spoilt_ones_read_or_refused(name: str, tmp_path: Path) -> None:
    parser, rng = parsers_of_files()[name], random.Random(name)  # noqa: S311 -- which byte is spoilt is no secret
    for first in FIRST[name]:
        data = first if isinstance(first, bytes) else first.read_bytes()
        path = tmp_path / parser.file
        path.write_bytes(data)
        parser.read(path)
        for _ in range(40):
            spoilt = bytearray(data)
            for _ in range(rng.randint(1, 6)):
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            try_bytes(parser, bytes(spoilt[: rng.randint(1, len(spoilt))]), tmp_path)
