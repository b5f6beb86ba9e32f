"""Pickles of dictionaries and numbers give the walk they hold, whatever else they hold is refused, and nothing runs."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topogrid.world.layout import Layout
from topogrid.world.pickled import walks_in
from topogrid.world.recordings import read_recording

T = np.arange(300) / 20
POS = np.stack([0.4 * np.cos(T), 0.3 * np.sin(1.5 * T)], axis=-1)
MIDDLE = (POS.min(axis=0) + POS.max(axis=0)) / 2


def history(*, numpy_numbers: bool = False) -> dict[str, Any]:
    """Return what an agent of RatInABox keeps: lists that grew step by step."""
    number = np.float64 if numpy_numbers else float
    return {
        "t": [number(time) for time in T],
        "pos": [[number(x), number(y)] for x, y in POS],
        "distance_travelled": [number(time) for time in T],
        "vel": [[number(1.0), number(0.0)] for _ in T],
        "head_direction": [np.array([1.0, 0.0]) for _ in T],
        "rot_vel": [0.0 for _ in T],
        "name": "agent_0",
    }


def session() -> dict[str, Any]:
    """Return a session as NeuralPlayground reads it out of the files of Hafting et al.: centimetres, columns."""
    place = {"__header__": b"MATLAB", "post": T[:, None], "posx": 100 * POS[:, :1], "posy": 100 * POS[:, 1:]}
    return {"t1c1": {"ts": np.arange(9.0)[:, None]}, "position": place}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("numpy_numbers", [False, True])
def test_a_history_is_read_in_every_protocol(tmp_path: Path, protocol: int, numpy_numbers: bool) -> None:
    path = tmp_path / "history.pkl"
    path.write_bytes(pickle.dumps(history(numpy_numbers=numpy_numbers), protocol=protocol))
    found = read_recording(path)
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)
    np.testing.assert_array_equal(found.seconds, T)
    assert found.notes == ("read the dictionary of a pickle, and ran nothing of it",)


def test_a_history_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "history").write_bytes(pickle.dumps(history()))
    np.testing.assert_allclose(read_recording(tmp_path / "history").position, POS - MIDDLE, atol=1e-12)


def test_a_history_inside_a_file_of_numpy_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", history(), allow_pickle=True)  # type: ignore[arg-type]
    np.savez(tmp_path / "b.npz", history=history(), dt=0.05)  # type: ignore[arg-type]
    np.savez(tmp_path / "c.npz", **history())
    for name in ("a.npy", "b.npz", "c.npz"):
        np.testing.assert_allclose(read_recording(tmp_path / name).position, POS - MIDDLE, atol=1e-12)
    assert read_recording(tmp_path / "b.npz").notes == (
        "read the dictionary history of a pickle, and ran nothing of it",
    )
    assert read_recording(tmp_path / "c.npz").notes == ()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_session_in_centimetres_is_read_where_the_unit_is_told(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "session.pkl"
    path.write_bytes(pickle.dumps(session(), protocol=protocol))
    found = read_recording(path, layout=Layout(units="cm"))
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)
    assert "dictionary position of" in found.notes[0]
    with pytest.raises(ValueError, match="give --units cm"):
        read_recording(path, box_size=(2.2, 2.2))


@pytest.mark.parametrize("values", [POS, np.asfortranarray(POS), POS.astype(">f8"), POS.astype("f4"), POS[::-1].T])
def test_arrays_of_every_order_are_what_they_were(values: np.ndarray) -> None:
    for protocol in range(2, 6):
        found = walks_in(io.BytesIO(pickle.dumps({"a": values, "b": [1, True, 2.5]}, protocol=protocol)))
        np.testing.assert_array_equal(found[""]["a"], values)
        np.testing.assert_array_equal(found[""]["b"], [1, 1, 2.5])


def test_of_several_walks_one_is_to_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.pkl"
    path.write_bytes(pickle.dumps({"Alice": history(), "Bob": history() | {"pos": [[0.1, t] for t in T / 99]}}))
    with pytest.raises(ValueError, match=r"holds 2 walks \(Alice, Bob\); choose one, such as --agent Alice"):
        read_recording(path)
    with pytest.raises(ValueError, match=r"holds 2 walks \(Alice, Bob\), none of them at 'Eve'"):
        read_recording(path, layout=Layout(agent="Eve"))
    assert np.ptp(read_recording(path, layout=Layout(agent="Bob")).position[:, 0]) == 0


def test_columns_name_arrays_of_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / "own.pkl"
    path.write_bytes(pickle.dumps({"when": T, "track": POS, "t": T[:3]}))
    found = read_recording(path, layout=Layout(columns="when,track"))
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)


class Trap:
    """Runs code when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "executed")


@pytest.mark.parametrize("where", ["alone", "beside", "in npy", "in npz"])
def test_nothing_in_a_pickle_runs(tmp_path: Path, where: str) -> None:
    witness, path = tmp_path / "witness", tmp_path / f"walk.{where.removeprefix('in ') if ' ' in where else 'pkl'}"
    held = Trap(witness) if where == "alone" else history() | {"more": Trap(witness)}
    if where == "in npy":
        np.save(path, held, allow_pickle=True)  # type: ignore[arg-type]
    elif where == "in npz":
        np.savez(path, history=held)  # type: ignore[arg-type]
    else:
        path.write_bytes(pickle.dumps(held))
    with pytest.raises(ValueError, match=r"is a pickle with a .* in it, which could run code and is not read"):
        read_recording(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "with a os.system in it"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "with a builtins.eval in it"),
        (b"\x80\x02cnumpy\ndtype\n(K\x01K\x02tR.", "not of a dictionary"),
        # The state of a function or a class of the reader itself
        (b"\x80\x02c_codecs\nencode\n}(X\x08\x00\x00\x00__name__K\x01ub.", "changes what it was made of"),
        (b"\x80\x02cnumpy\nndarray\n}(X\x05\x00\x00\x00valueK\x01ub.", "changes what it was made of"),
        (b"\x80\x02K\x01Q.", "points outside of itself"),
        (b"\x80\x02]q\xff.", "not of a dictionary"),
        (b"\x80\x02}X\x01\x00\x00\x00ar\xff\xff\xff\x7f]s.", "holds no arrays of numbers"),
        (b"\x80\x04\x8c\x03abc.", "is a pickle of a str, not of a dictionary"),
    ],
)
def test_programs_are_refused(tmp_path: Path, program: bytes, message: str) -> None:
    path = tmp_path / "walk.pkl"
    path.write_bytes(program)
    with pytest.raises(ValueError, match=message) as told:
        read_recording(path)
    assert "\n" not in str(told.value)
    assert "wanted a pickle of a dictionary" in str(told.value)


def test_dictionaries_that_hold_themselves_are_looked_at_once(tmp_path: Path) -> None:
    held: dict[str, Any] = history()
    held |= {f"again{number}": held for number in range(500)}
    (tmp_path / "walk.pkl").write_bytes(pickle.dumps(held))
    np.testing.assert_allclose(read_recording(tmp_path / "walk.pkl").position, POS - MIDDLE, atol=1e-12)


def test_a_damaged_pickle_is_refused_in_one_line_or_read(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "walk.pkl"
    whole = pickle.dumps(session() | {"h": {"a": [1.0, 2.0], "b": [[1.0, 2.0]]}}, protocol=2)
    messages = []
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.choice([rng.integers(len(whole)), rng.integers(300)])] = rng.integers(256)
        path.write_bytes(damaged[: rng.choice([len(whole), rng.integers(1, len(whole))])])
        try:
            read_recording(path, layout=Layout(units="cm"))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)
