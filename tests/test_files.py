import errno
import json
import os
from pathlib import Path

import pytest

from topogrid.files import (
    append_text,
    check_own_folder,
    check_writable,
    open_regular,
    read_bytes,
    read_json,
    to_json,
    write_beside,
    write_json_atomic,
    write_text_atomic,
)


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


# --- Folders that somebody else made ----------------------------------------------------------------------------------


def in_place(path: Path, kind: str) -> None:
    """Put something that is no regular file where one belongs."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "link to nothing":
            path.symlink_to(path.parent / "outside")
        case "link":
            (path.parent / "outside").write_text("precious\n")
            path.symlink_to(path.parent / "outside")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_nothing_but_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows"
    in_place(path, kind)
    with pytest.raises(OSError, match="in place of a regular file"):
        open_regular(path)


def test_no_more_is_read_than_fits(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"x" * 101)
    assert len(read_bytes(path, 101)) == 101
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        read_bytes(path, 100)
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk, and would take a terabyte of memory
    with pytest.raises(ValueError, match="larger than"):
        read_bytes(path)


def test_json_that_is_nested_without_end_is_a_value_error(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "deep")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link", "link to nothing"])
def test_nothing_but_a_file_of_its_own_is_appended_to(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    in_place(path, kind)
    with pytest.raises(OSError, match="in place of a regular file"):
        append_text(path, "hello\n")
    assert not (tmp_path / "outside").exists() or (tmp_path / "outside").read_text() == "precious\n"


def test_a_file_with_a_second_name_is_parted_from_it_before_it_grows(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("before\n")
    (tmp_path / "log").hardlink_to(tmp_path / "backup")
    append_text(tmp_path / "log", "after\n")
    assert (tmp_path / "backup").read_text() == "before\n"
    assert (tmp_path / "log").read_text() == "before\nafter\n"


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe"])
def test_what_is_written_takes_the_place_of_a_link(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "figure"
    in_place(path, kind)
    temporary = path.with_name(f".figure.{os.getpid()}.tmp")
    temporary.symlink_to(tmp_path / "elsewhere")
    write_text_atomic(path, "new\n")
    assert path.read_text() == "new\n"
    assert not path.is_symlink()
    assert sorted(one.name for one in tmp_path.iterdir()) in (["figure"], ["figure", "outside"])
    assert not (tmp_path / "outside").exists() or (tmp_path / "outside").read_text() == "precious\n"


def test_a_link_is_no_folder_to_write_into(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "figures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a link in place of a folder"):
        check_own_folder(tmp_path / "figures")
    check_own_folder(tmp_path / "elsewhere")
    check_own_folder(tmp_path / "not_there")


def test_json_has_null_for_what_is_no_number(tmp_path):
    value = {"a": [1, float("nan"), (float("inf"), "x")], "b": {"c": -float("inf"), "d": True}, "e": 2.5}
    write_json_atomic(tmp_path / "a.json", value)
    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert read == {"a": [1, None, [None, "x"]], "b": {"c": None, "d": True}, "e": 2.5}
    assert to_json(value) == json.dumps(read)


def test_an_error_of_a_file_that_is_open_names_it(tmp_path: Path) -> None:
    def write(_file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: .*a\.json") as found:
        write_beside(tmp_path / "a.json", write)
    assert found.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())
