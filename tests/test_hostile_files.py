"""Files that are broken or mean harm: one line, exit code 2, nothing written, nothing executed."""

import itertools
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import train_grid
from topogrid.cli.main import main as topogrid_main
from topogrid.runs.checkpoints import load_checkpoint, save_checkpoint, save_state
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import make_generators
from topogrid.training.hardware import choose_device
from topogrid.training.state import new_state
from topogrid.training.step import train

CONFIG = TrainConfig(
    n_grid_cells=16, n_place_cells=32, tau=True, pc_width=(0.3,), steps=20, device="cpu", precision="fp32", batch_size=4
)
SECONDS = np.arange(0, 4, 0.02)
CIRCLE = 0.4 * np.stack([np.cos(SECONDS), np.sin(SECONDS)], axis=-1)


class Code:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a good run, which the tests then spoil, and a good walk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("topogrid.settings.machine.machine_memory", lambda: 16 * 2**30)
    folder = RunFolder.create("runs", "a", "tau_imgs")
    write_settings(CONFIG, folder.config_path)
    generators = make_generators(0, "cpu", ("weights", "place_cells", "walks"))
    state = new_state(CONFIG, choose_device("cpu"), "fp32", generators)
    for _record in itertools.islice(train(state, CONFIG), 5):
        pass
    extra = {"run_id": "abc", "best": None, "evaluated": None}
    save_checkpoint(folder, state.state_dict() | extra, 5)
    folder.lock.release()
    np.savez("walk.npz", t=SECONDS, pos=CIRCLE)
    return tmp_path


CHECKPOINT = Path("runs/a/checkpoints/step_00000005.pt")


def without_digest(path: Path = CHECKPOINT) -> Path:
    path.with_name(path.name + ".sha256").unlink()
    return path


def flip(path: Path, where: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 0x10
    path.write_bytes(data)


def change(**changes: Any) -> Callable[[], None]:
    """Save the checkpoint again, digest and all, with some of its content changed; ``a__b`` is ``state[a][b]``."""

    def spoil() -> None:
        state = load_checkpoint(CHECKPOINT)
        for name, value in changes.items():
            *outer, last = name.split("__")
            place = state
            for part in outer:
                place = place[part]
            if value is None:
                del place[last]
            else:
                place[last] = value
        save_state(CHECKPOINT, state)

    return spoil


def settings(**changes: Any) -> Callable[[], None]:
    """Change the saved settings of the run."""

    def spoil() -> None:
        path = Path("runs/a/config.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def without_settings(**changes: Any) -> Callable[[], None]:
    """Make the checkpoint one of an earlier version, which carried no settings, and change those of the run."""

    def spoil() -> None:
        change(settings=None, settings_sha256=None)()
        settings(**changes)()

    return spoil


def packed() -> None:
    """Write an archive whose content unfolds to a thousand times its size."""
    with zipfile.ZipFile(without_digest(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))


RESUME = "--resume runs/a"
FOLLOW = "follow runs/a walk.npz"
ANALYZE = "analyze runs/a"
NOT_GOOD = "no good checkpoint in runs/a/checkpoints: "
NAN = torch.full((16, 16), torch.nan)
GONE = "; renamed step_00000005.pt.corrupt"

# Each row: what is spoilt, the command that meets it, and a part of the one line that it answers.
RUNS: list[tuple[str, Callable[[], object], str, str]] = [
    ("empty", lambda: CHECKPOINT.write_bytes(b""), FOLLOW, f"{NOT_GOOD}{CHECKPOINT} is empty"),
    ("bit flipped", lambda: flip(CHECKPOINT), FOLLOW, "is not what was saved: its SHA-256 digest differs"),
    ("bit flipped, no digest", lambda: flip(without_digest()), FOLLOW, "is damaged: the checksum of"),
    ("cut", lambda: CHECKPOINT.write_bytes(CHECKPOINT.read_bytes()[:-99]), FOLLOW, "its SHA-256 digest differs"),
    ("cut, no digest", lambda: without_digest().write_bytes(CHECKPOINT.read_bytes()[:-99]), FOLLOW, "is cut off or is"),
    ("HTML", lambda: without_digest().write_text("<html>404</html>"), FOLLOW, "is cut off or is no checkpoint"),
    ("code", lambda: torch.save({"a": Code(Path("ran"))}, without_digest()), FOLLOW, "and could run code"),
    ("code, resumed", lambda: torch.save({"a": Code(Path("ran"))}, without_digest()), RESUME, "and could run code"),
    ("packed", packed, FOLLOW, "it holds packed data that would unfold to more than its"),
    ("a tensor", lambda: torch.save(torch.ones(1), without_digest()), FOLLOW, "not the dict of a checkpoint"),
    ("nothing in it", lambda: torch.save({}, without_digest()), FOLLOW, "holds a NoneType where the weights should be"),
    ("weights missing", change(**{"network__units.wiring.weight": None}), FOLLOW, "lacks units.wiring.weight"),
    (
        "weights unknown",
        change(network__hook=torch.ones(1)),
        FOLLOW,
        "holds hook, which the network here does not have",
    ),
    (
        "weights of words",
        change(network__readout="much"),
        FOLLOW,
        "readout in runs/a/checkpoints/step_00000005.pt must be",
    ),
    ("NaN weights", change(**{"network__units.wiring.weight": NAN}), FOLLOW, "has values that are not finite"),
    ("NaN weights, resumed", change(**{"network__units.wiring.weight": NAN}), RESUME, "has values that are not finite"),
    (
        "NaN weights, analysed",
        change(**{"network__units.wiring.weight": NAN}),
        ANALYZE,
        "has values that are not finite",
    ),
    (
        "repeated weights",
        change(network__encoder=torch.ones(1).expand(16, 32)),
        FOLLOW,
        "which is more than the file holds",
    ),
    (
        "repeated, absurd",
        change(network__encoder=torch.ones(1).expand(10**6, 10**6)),
        FOLLOW,
        "claims to be (1000000, 1000000)",
    ),
    ("sparse weights", change(network__encoder=torch.ones(16, 32).to_sparse()), FOLLOW, "must be a tensor of floats"),
    ("another network", settings(n_grid_cells=25), FOLLOW, "than its run has now: n_grid_cells 16 -> 25; put config"),
    ("another, resumed", settings(n_grid_cells=25), RESUME, "than its run has now: n_grid_cells 16 -> 25; put config"),
    ("plain settings", settings(tau=False), FOLLOW, "than its run has now: tau True -> False; put config.json back"),
    ("another, of old", without_settings(n_grid_cells=25), FOLLOW, "with n_grid_cells 16; its settings say n_grid_ce"),
    (
        "absurd size",
        settings(n_grid_cells=10**12),
        FOLLOW,
        "needs at least 3.73e+15 GiB of memory, this machine has 16 GiB",
    ),
    ("absurd, analysed", settings(n_grid_cells=10**12), ANALYZE, "needs at least 3.73e+15 GiB of memory"),
    ("absurd, resumed", settings(n_grid_cells=10**12), RESUME, "need at least 1.49e+16 GiB of memory"),
    ("absurd place cells", settings(n_place_cells=10**13), FOLLOW, "needs at least 1.19e+06 GiB of memory"),
    ("step of words", change(step="five"), FOLLOW, "must be a whole number of steps, got five"),
    ("step below zero", change(step=-5), RESUME, "must be a whole number of steps, got -5"),
    ("centres missing", change(place_centres=None), FOLLOW, "place_centres in"),
    ("centres of another box", change(place_centres=torch.zeros(31, 2)), FOLLOW, "must be (32, 2), got (31, 2)"),
    ("NaN centres", change(place_centres=torch.full((32, 2), torch.nan)), FOLLOW, "must be finite and in the box of"),
    ("no optimiser", change(optimiser=None), RESUME, "must be a saved state, got NoneType"),
    ("optimiser of a list", change(optimiser=[1]), RESUME, "must be a saved state, got list"),
    ("other generators", change(generators={}), RESUME, "generators place_cells, walks, weights are wanted"),
    (
        "spoilt generator",
        change(generators__walks=torch.zeros(3, dtype=torch.uint8)),
        RESUME,
        "cannot take the saved state",
    ),
    ("settings cut", lambda: Path("runs/a/config.json").write_text('{"format": 1, "tau'), FOLLOW, "is not JSON"),
    ("settings empty", lambda: Path("runs/a/config.json").write_bytes(b""), FOLLOW, "is not JSON"),
    ("settings binary", lambda: Path("runs/a/config.json").write_bytes(b"\x80\x04\xff"), FOLLOW, "is not JSON"),
    ("settings deep", lambda: Path("runs/a/config.json").write_text("[" * 100_000), FOLLOW, "is not JSON"),
    ("settings large", lambda: Path("runs/a/config.json").write_text(" " * 2_000_000), FOLLOW, "is too large"),
    ("settings a list", lambda: Path("runs/a/config.json").write_text("[1]"), FOLLOW, "holds no settings"),
    ("settings newer", settings(format=99), FOLLOW, "is not of format 1"),
    ("settings unknown", settings(colour="red"), FOLLOW, "has unknown settings 'colour'"),
    ("settings wrong", settings(dt="soon"), FOLLOW, "dt must be a finite number, got 'soon'"),
    ("settings unsafe", settings(gallery_dir="a\nb"), FOLLOW, "gallery_dir must be printable text"),
]


def listing(folder: Path) -> dict[str, int]:
    """Every file with the time of its last change, but for the lock."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def answer(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in this process; check that it answers in one line with exit code 2."""
    words = command.split()
    assert (train_grid.main(words) if command.startswith("--") else topogrid_main(words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert len(said.err) < 1000
    return said.err


@pytest.mark.parametrize(("spoil", "command", "message"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
def test_a_spoilt_run_is_answered_in_one_line(
    spoil: Callable[[], object], command: str, message: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil()
    before = {path: changed for path, changed in listing(desk).items() if "checkpoints" not in path}
    assert message in answer(command, capsys)
    # A corrupt checkpoint is set aside, and nothing else is touched.
    assert {path: changed for path, changed in listing(desk).items() if "checkpoints" not in path} == before
    assert not (desk / "ran").exists()


# --- Walks


def save(**arrays: Any) -> Callable[[], object]:
    return lambda: np.savez("walk.npz", **{"t": SECONDS, "pos": CIRCLE} | arrays)


def table(*lines: str) -> Callable[[], object]:
    return lambda: Path("walk.csv").write_text("\n".join(lines) + "\n")


def rows(times: np.ndarray = SECONDS, places: np.ndarray = CIRCLE) -> list[str]:
    return ["t,x,y", *(f"{t},{x},{y}" for t, (x, y) in zip(times, places, strict=True))]


def lying_array() -> None:
    """Write an array that says it has more numbers than any memory."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with zipfile.ZipFile("walk.npz", "w") as archive:
        archive.writestr("t.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        archive.writestr("pos.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)


GAPPED = np.where(SECONDS > 2, SECONDS + 5, SECONDS)
UNSORTED = SECONDS[::-1]
HOLED = np.where(SECONDS[:, None] == 1, np.nan, CIRCLE)
CSV = "follow runs/a walk.csv"

WALKS: list[tuple[str, Callable[[], object], str, str]] = [
    ("empty", lambda: Path("walk.npz").write_bytes(b""), FOLLOW, "wanted an .npz archive with arrays `t`"),
    ("HTML", lambda: Path("walk.npz").write_text("<html>404</html>"), FOLLOW, "wanted an .npz archive"),
    (
        "cut",
        lambda: Path("walk.npz").write_bytes(Path("walk.npz").read_bytes()[:900]),
        FOLLOW,
        "wanted an .npz archive",
    ),
    ("bit flipped", lambda: flip(Path("walk.npz"), 0.2), FOLLOW, "wanted an .npz archive"),
    ("code", save(t=np.array([Code(Path("ran"))], dtype=object)), FOLLOW, "Object arrays cannot be loaded"),
    ("a lie about its size", lying_array, FOLLOW, "wanted an .npz archive"),
    ("no t", lambda: np.savez("walk.npz", clock=SECONDS, pos=CIRCLE), FOLLOW, "has arrays ['clock', 'pos'], not t"),
    ("words", save(t=np.array(["now"] * len(SECONDS))), FOLLOW, "`t` holds <U3, not numbers"),
    ("one sample", save(t=SECONDS[:1], pos=CIRCLE[:1]), FOLLOW, "has 1 sample(s), at least 2 are needed"),
    ("no sample", save(t=SECONDS[:0], pos=CIRCLE[:0]), FOLLOW, "has 0 sample(s), at least 2 are needed"),
    ("another length", save(t=SECONDS[1:]), FOLLOW, "save one row of `pos` per element of `t`"),
    ("transposed", save(pos=CIRCLE.T), FOLLOW, "save one row of `pos` per element of `t`"),
    ("gap", save(t=GAPPED), FOLLOW, "a gap of 5.02 s, less than 1 s is allowed"),
    ("NaN", save(pos=HOLED), FOLLOW, "1 of 200 samples is NaN or infinite"),
    ("infinite time", save(t=np.where(SECONDS > 3, np.inf, SECONDS)), FOLLOW, "samples are NaN or infinite"),
    ("unsorted", save(t=UNSORTED), FOLLOW, "the samples run backwards in time: reverse them"),
    ("standing clock", save(t=0 * SECONDS), FOLLOW, "`t` must increase"),
    ("centimetres", save(pos=100 * CIRCLE), FOLLOW, "m, the box is 2.2 x 2.2 m; is `pos` in metres?"),
    ("sample numbers", save(t=np.arange(len(SECONDS)) * 1.0), FOLLOW, "is `t` in seconds?"),
    ("too short", save(t=SECONDS[:2] / 10, pos=CIRCLE[:2]), FOLLOW, "at least one step of 0.02 s is needed"),
    ("not there", lambda: Path("walk.npz").unlink(), FOLLOW, "walk.npz: no such file; wanted an .npz archive"),
    ("CSV not there", lambda: None, CSV, "walk.csv: no such file; wanted a table with the header t,x,y"),
    ("CSV empty", lambda: Path("walk.csv").write_bytes(b""), CSV, "wanted a table with the header t,x,y"),
    ("CSV HTML", table("<html>", "404", "</html>"), CSV, "begins with '<html>'; wanted a table with the header t,x,y"),
    (
        "CSV binary",
        lambda: Path("walk.csv").write_bytes(b"\x80\x04\x95\xff\x00"),
        CSV,
        "wanted a table with the header",
    ),
    ("CSV no header", table(*rows()[1:]), CSV, "wanted a table with the header t,x,y: seconds, metres, metres"),
    ("CSV words", table(*rows(), "5,here,there"), CSV, "line 202 is not numbers: '5,here,there'"),
    ("CSV short line", table(*rows(), "5,0.1"), CSV, "line 202 has 2 values"),
    ("CSV hole", table(*rows(), "4,,"), CSV, "samples is NaN or infinite"),
    ("CSV NaN", table(*rows(places=HOLED)), CSV, "samples is NaN or infinite"),
    ("CSV only a header", table("t,x,y"), CSV, "has 0 sample(s), at least 2 are needed"),
    ("CSV one sample", table(*rows()[:2]), CSV, "has 1 sample(s), at least 2 are needed"),
    ("CSV gap", table(*rows(GAPPED)), CSV, "a gap of 5.02 s, less than 1 s is allowed"),
    ("CSV unsorted", table(*rows(UNSORTED)), CSV, "the samples run backwards in time"),
    ("CSV centimetres", table(*rows(places=100 * CIRCLE)), CSV, "is `pos` in metres?"),
]


@pytest.mark.parametrize(("spoil", "command", "message"), [row[1:] for row in WALKS], ids=[row[0] for row in WALKS])
def test_a_walk_that_cannot_be_followed_is_answered_in_one_line(
    spoil: Callable[[], object], command: str, message: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil()
    before = listing(desk)
    assert message in answer(command, capsys)
    assert listing(desk) == before
    assert not (desk / "ran").exists()


def test_the_run_and_the_walk_of_these_tests_are_good(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error_cm(command: str) -> float:
        assert topogrid_main(command.split()) == 0, capsys.readouterr().err
        return float(json.loads((desk / "runs/a/follow_walk.json").read_text())["mean_error_cm"])

    wanted = error_cm(FOLLOW)
    turned = ["y, t ,X", *(f"{y},{t},{x}" for t, (x, y) in zip(SECONDS, CIRCLE, strict=True))]
    for lines in (rows(), turned, ["\ufeff" + rows()[0], *rows()[1:], ""]):
        Path("walk.csv").write_text("\r\n".join(lines), encoding="utf-8")
        assert error_cm(CSV) == pytest.approx(wanted)
    capsys.readouterr()
