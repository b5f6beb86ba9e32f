"""Files of arrays give the walk that was saved, whatever they are called and however it is laid out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from topogrid.world.layout import Layout
from topogrid.world.recordings import read_recording

T = np.arange(200) / 50
X, Y = 0.4 * np.cos(T), 0.3 * np.sin(1.5 * T)
POS = np.stack([X, Y], axis=-1)
MIDDLE = (POS.min(axis=0) + POS.max(axis=0)) / 2


@pytest.mark.parametrize(
    ("arrays", "layout"),
    [
        ({"t": T, "pos": POS}, {}),
        ({"t": T, "x": X, "y": Y}, {}),
        ({"timestamps": T[:, None], "position": POS, "vel": POS}, {}),
        ({"t": T, "x1": X - 0.1, "y1": Y, "x2": X + 0.1, "y2": Y}, {}),
        ({"clock": T, "a": X, "b": Y}, {"columns": "clock,a,b"}),
        ({"clock": T, "track": POS}, {"columns": "clock,track"}),
        ({"clock": T, "track": np.c_[POS - 0.1, POS + 0.1]}, {"columns": "clock,track"}),
        ({"pos": 100 * POS}, {"rate": 50, "units": "cm"}),
        ({"t": 1_700_000_000_000_000 + np.arange(200) * 20_000, "pos": POS}, {"rate": 1e6}),
        ({"t": np.uint8(np.arange(200)), "pos": 250 * POS + 3}, {"rate": 50, "units": "px:250"}),
    ],
)
def test_archives_are_read(tmp_path: Path, arrays: dict[str, Any], layout: dict[str, Any]) -> None:
    path = tmp_path / "walk.npz"
    np.savez(path, **arrays)
    (tmp_path / "walk").write_bytes(path.read_bytes())  # a name that says nothing
    for one in (path, tmp_path / "walk"):
        found = read_recording(one, layout=Layout(**layout))
        np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)
        np.testing.assert_allclose(found.seconds - found.seconds[0], T, atol=1e-9)


@pytest.mark.parametrize(
    ("array", "layout"),
    [
        (np.c_[T, X, Y], {}),
        (np.c_[T, X - 0.1, Y, X + 0.1, Y], {}),
        (POS, {"rate": 50}),
        (np.c_[X, Y, T, T], {"columns": "3,1,2"}),
        (np.rec.fromarrays([T, X, Y], names="time,x,y"), {}),
    ],
)
def test_single_arrays_are_read(tmp_path: Path, array: np.ndarray, layout: dict[str, Any]) -> None:
    np.save(tmp_path / "walk.npy", array)
    found = read_recording(tmp_path / "walk.npy", layout=Layout(**layout))
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)


def test_files_of_matlab_are_read(tmp_path: Path) -> None:
    """As the recordings of Sargolini et al. and Hafting et al. are kept: columns in centimetres, lost samples NaN."""
    path, places = tmp_path / "11016-25010501_POS.mat", 100 * POS
    places[50:60] = np.nan
    held = {"post": T[:, None], "posx": places[:, :1], "posy": places[:, 1:]}
    layout = Layout(units="cm", lost="interpolate")
    empty = {"posx2": np.zeros((0, 0)), "posy2": np.zeros((0, 0))}
    for more in ({}, empty, {name: np.nan * held["post"] for name in empty}):
        scipy.io.savemat(path, held | more)
        found = read_recording(path, box_size=(1.0, 1.0), layout=layout)
        np.testing.assert_allclose(found.position[70:] - found.position[-1], POS[80:] - POS[-1], atol=1e-12)
    scipy.io.savemat(path, held | {"post": {"a": 1.0}})
    with pytest.raises(ValueError, match=r"has arrays|struct, not numbers"):
        read_recording(path, layout=layout)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"wanted a \.mat file") as caught:
        read_recording(path, layout=layout)
    assert "\n" not in str(caught.value)


def test_hdf5_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match="is an HDF5 file, which is not read; export it as CSV"):
        read_recording(path)


def test_an_agent_chooses_nothing_among_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", t=T, pos=POS)
    np.save(tmp_path / "b.npy", np.c_[T, POS])
    scipy.io.savemat(tmp_path / "c.mat", {"t": T, "x": X, "y": Y})
    for name in ("a.npz", "b.npy", "c.mat"):
        with pytest.raises(ValueError, match="--agent chooses nothing; leave it out"):
            read_recording(tmp_path / name, layout=Layout(agent="Alice"))


def test_x_and_y_in_two_files_are_put_together(tmp_path: Path) -> None:
    """As NeuralPlayground keeps the preprocessed walks of Sargolini et al."""
    x = tmp_path / "sargolini_x_pos_11.npy"
    np.save(x, X)
    with pytest.raises(ValueError, match=r"holds one array \(200,\)"):
        read_recording(x, layout=Layout(rate=50))
    np.save(tmp_path / "sargolini_y_pos_11.npy", Y)
    found = read_recording(x, layout=Layout(rate=50))
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)
    assert found.notes == ("read x from sargolini_x_pos_11.npy and y from sargolini_y_pos_11.npy",)
    with pytest.raises(ValueError, match="no file the time; give --rate"):
        read_recording(x)
    np.save(tmp_path / "sargolini_y_pos_11.npy", Y[:-1])
    with pytest.raises(ValueError, match="different lengths"):
        read_recording(x, layout=Layout(rate=50))


def test_the_only_light_of_a_file_with_x1_and_y1_is_read(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"t": T, "x1": 100 * X, "y1": 100 * Y})
    found = read_recording(tmp_path / "a.mat", layout=Layout(units="cm"))
    np.testing.assert_allclose(found.position, POS - MIDDLE, atol=1e-12)
