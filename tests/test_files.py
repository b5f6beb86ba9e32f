import json
import os
from pathlib import Path

import pytest

from topogrid.files import check_writable, write_json_atomic


def names(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


def test_check_writable_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("")
    for below in ("file", "file/inside"):
        with pytest.raises((ValueError, OSError), match="choose another"):
            check_writable(tmp_path / below)
    with pytest.raises(OSError, match="choose another"):
        check_writable(tmp_path / ("x" * 300))


def test_a_failing_write_keeps_the_old_json(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_json_atomic(path, {"a": 1})
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_json_atomic(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert names(tmp_path) == ["config.json"]
