"""Files that anyone may have written: every one is read as what it has to be, or refused in one line."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topogrid import reading
from topogrid.reading import Key, Shape, UnreadableError, checked, number, parse_json, read_arrays, read_object, whole

SHAPES = {
    "step": Shape((), "whole", finite=True),
    "tau": Shape(("unit",), finite=True, positive=True),
    "phase": Shape(("unit", 2)),
    "error": Shape(("time",), or_one=True),
    "passed": Shape(("unit",), "yes or no"),
}
GOOD: dict[str, Any] = {
    "step": 6,
    "tau": np.arange(1.0, 5.0),
    "phase": np.full((4, 2), np.nan),
    "error": 3.0,
    "passed": np.ones(4, bool),
}


def written(path: Path, **changes: Any) -> Path:
    np.savez(path, **{name: value for name, value in (GOOD | changes).items() if value is not None})
    return path


def test_arrays_come_back_as_they_are(tmp_path: Path) -> None:
    found = read_arrays(
        written(tmp_path / "a.npz", phase=np.asfortranarray(np.random.default_rng(0).random((4, 2)))), SHAPES
    )
    assert found.keys() == SHAPES.keys()
    with np.load(tmp_path / "a.npz") as kept:
        for name, values in found.items():
            np.testing.assert_array_equal(values, kept[name])
    assert read_arrays(written(tmp_path / "b.npz", phase=None), SHAPES).keys() == SHAPES.keys() - {"phase"}
    assert read_arrays(tmp_path / "a.npz", SHAPES, wanted={"step"}.__contains__).keys() == {"step"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("phase", np.zeros(4), r"phase has the shape \(4,\), wanted \(unit 4, 2\)"),
        ("phase", np.zeros((5, 2)), r"phase has the shape \(5, 2\), wanted \(unit 4, 2\)"),
        ("phase", np.full((4, 2), np.inf), "phase has entries that are not finite"),
        ("tau", np.array([1.0, np.nan]), "tau has entries that are not finite"),
        ("tau", np.array([1.0, 0.0]), "tau has entries that are not above 0"),
        ("tau", np.array(["a", "b"]), "tau is of type str32, wanted number"),
        ("tau", np.array([1j]), "tau is of type complex128, wanted number"),
        ("tau", np.array([1, "a"], dtype=object), "tau is of type object, wanted number"),
        ("step", 6.5, "step is of type float64, wanted whole"),
        ("step", [6], r"step has the shape \(1,\), wanted \(\)"),
        ("passed", np.ones(4), "passed is of type float64, wanted yes or no"),
        ("error", np.zeros((2, 3)), r"error has the shape \(2, 3\), wanted \(time\)"),
    ],
)
def test_an_array_that_is_not_what_it_has_to_be_is_refused(tmp_path: Path, name: str, value: Any, told: str) -> None:
    with pytest.raises(UnreadableError, match=rf"a\.npz: {told}"):
        read_arrays(written(tmp_path / "a.npz", **{name: value}), SHAPES)


def archive_of(path: Path, header: bytes, content: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tau.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
    return path


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "8,000,000,000,000 bytes"),
        (b"{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }", "ends after 0 of 32 bytes"),
        (b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", "of type object"),
        (b"[" * 3000, "no readable header"),
        (b"{}", "no readable header"),
        (b"__import__('os')", "no readable header"),
    ],
)
def test_a_header_that_lies_costs_no_memory(tmp_path: Path, header: bytes, told: str) -> None:
    with pytest.raises(UnreadableError, match=told):
        read_arrays(archive_of(tmp_path / "a.npz", header), SHAPES)


def test_any_damage_to_an_archive_is_told_in_one_line(tmp_path: Path) -> None:
    whole_file = written(tmp_path / "a.npz").read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "b.npz"
    flipped = [np.frombuffer(whole_file, np.uint8) ^ (rng.random(len(whole_file)) < 0.01) for _ in range(60)]
    refused = 0
    for content in [b"", b"torn", whole_file[:100], whole_file[:-30], *(one.tobytes() for one in flipped)]:
        path.write_bytes(content)
        told = refusal(path)
        assert "\n" not in told
        refused += bool(told)
    assert refused > 50


def refusal(path: Path) -> str:
    try:
        read_arrays(path, SHAPES)
    except UnreadableError as error:
        return str(error)
    return ""


def test_an_archive_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    really = reading._opened
    monkeypatch.setattr(reading, "_opened", lambda path: opened.append(path) or really(path))
    read_arrays(written(tmp_path / "a.npz"), SHAPES)
    assert opened == [tmp_path / "a.npz"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large", "dangling"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    else:
        monkeypatch.setattr(reading, "MOST_JSON_BYTES", 10)
        path.write_text("{" + " " * 20 + "}")
    for read in (read_object, lambda one: list(reading.read_lines(one)) if kind != "large" else read_object(one)):
        with pytest.raises(UnreadableError, match=r"summary\.json (is no plain file|cannot be read|has more than)"):
            read(path)


@pytest.mark.parametrize("text", ["[" * 20_000 + "]" * 20_000, '{"a":' * 20_000, "[" * 40 + "]" * 40])
def test_json_that_is_nested_deeply_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"nested more than 30|not JSON"):
        parse_json(text, "a file")
    assert parse_json("[" * 30 + "]" * 30, "a file")


def test_numbers_of_a_file_are_numbers_or_nothing() -> None:
    assert [number(value) for value in (1, 2.5)] == [1.0, 2.5]
    assert all(np.isnan(number(value)) for value in (None, True, "1", [1], {}, 10**400))
    assert [whole(value) for value in (3, 4.0, 0)] == [3, 4, 0]
    assert [whole(value) for value in (None, -1, 1.5, "3", [3], float("inf"), float("nan"), True)] == [None] * 8


def test_values_of_another_kind_are_told_and_left_out() -> None:
    notes: list[str] = []
    keys = {
        "step": Key(int),
        "claims": Key(list, str),
        "settings": Key(dict, float),
        "of": Key(str),
        "share": Key(float),
    }
    found = {"step": [1], "claims": ["a", 3], "settings": {"bins": 3, "bad": {}}, "of": None, "share": True, "more": 1}
    assert checked(found, keys, "summary.json", notes) == {"claims": ["a"], "settings": {"bins": 3}}
    assert notes == [
        "summary.json: step is a list, which is left out",
        "summary.json: share is yes or no, which is left out",
    ]


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_object(tmp_path / "nothing.json") == {}
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(UnreadableError, match=r"list\.json holds a list, wanted an object"):
        read_object(tmp_path / "list.json")
