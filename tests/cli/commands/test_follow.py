"""``topogrid follow`` reads what trackers write, says what was done, and refuses the rest on one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from topogrid.cli.main import main
from topogrid.runs.checkpoints import save_checkpoint
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import make_generators
from topogrid.training.hardware import choose_device
from topogrid.training.state import new_state

CONFIG = TrainConfig(
    n_grid_cells=16, n_place_cells=32, tau=True, wiring="dense", pc_width=(0.3,), steps=20, device="cpu", dt=0.02,
    precision="fp32", batch_size=4,
)  # fmt: skip
SECONDS = np.arange(200) / 50
CIRCLE = 0.4 * np.stack([np.cos(SECONDS), np.sin(SECONDS)], axis=-1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an untrained run."""
    there = tmp_path_factory.mktemp("desk")
    folder = RunFolder.create(there / "runs", "a", there / "tau_imgs")
    write_settings(CONFIG, folder.config_path)
    generators = make_generators(0, "cpu", ("weights", "place_cells", "walks"))
    state = new_state(CONFIG, choose_device("cpu"), "fp32", generators).state_dict()
    save_checkpoint(folder, state | {"run_id": "abc", "best": None, "evaluated": None, "step": 5}, 5)
    folder.lock.release()
    return there


@pytest.fixture
def follow(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(desk)
    return lambda *words: main(["follow", "runs/a", *map(str, words)])


def table(path: Path, header: str, *columns: np.ndarray, separator: str = ",") -> Path:
    rows = [separator.join(f"{value:.9g}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_what_is_said_is_what_was_done(follow, desk, capsys):
    np.savez("circle.npz", t=SECONDS, pos=CIRCLE)
    records = {}
    for restart in ("0", "0.5", "0.51", "0.03", "0.02", "1e5"):
        assert follow("circle.npz", "--restart", restart) == 0
        records[restart] = json.loads(Path("runs/a/follow_circle.json").read_text())
    said = capsys.readouterr().out
    assert [records[restart]["restart_seconds"] for restart in records] == pytest.approx([0, 0.5, 0.52, 0.04, 0.02, 0])
    assert [records[restart]["pieces"] for restart in records] == [1, 8, 8, 100, 199, 1]
    assert "Note: told the place every 0.04 s, the whole steps of 0.02 s nearest to 0.03 s." in said
    assert "told the place every 0.5 s" in said
    assert "nearest to 0.5 s" not in said
    assert records["0"]["mean_error_cm"] == records["1e5"]["mean_error_cm"] != records["0.02"]["mean_error_cm"]
    assert Path("tau_imgs/a/follow_circle.png").is_file() == Path("runs/a/figures/follow_circle.png").is_file() == True  # noqa: E712


@pytest.mark.parametrize(
    "restart", ["inf", "-inf", "nan", "1e308", "1e300", "-1", "0.001", "1e-300", "0.009", "ten", "1_0", ""]
)
def test_a_restart_that_cannot_be_is_refused_in_one_line(follow, capsys, restart):
    np.savez("circle.npz", t=SECONDS, pos=CIRCLE)
    assert follow("circle.npz", "--restart", restart) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "restart must be" in line


@pytest.mark.parametrize("samples", [2, 3, 30])
def test_a_walk_shorter_than_the_restart_is_followed(follow, capsys, samples):
    np.savez("short.npz", t=SECONDS[:samples], pos=CIRCLE[:samples])
    assert follow("short.npz") == 0
    text = Path("runs/a/follow_short.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["pieces"] == 1
    assert "told the place once" in capsys.readouterr().out


def test_names_with_control_characters_are_shown_escaped(follow, desk, capsys):
    name = "n\nl\x1b[31m$a$"
    np.savez(f"{name}.npz", t=SECONDS, pos=CIRCLE)
    assert follow(f"{name}.npz") == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    written = [
        path.name for folder in ("runs/a", "runs/a/figures", "tau_imgs/a") for path in Path(folder).glob("follow_n*")
    ]
    assert len(written) == 3
    assert all(one.isprintable() for one in written)
    Path(f"{name}.npz").unlink()
    assert follow(f"{name}.npz") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_tables_of_trackers_give_the_numbers_of_the_archive(follow, desk, capsys):
    def error_cm(path: object, *words: object) -> float:
        assert follow(path, *words) == 0, capsys.readouterr().err
        return float(json.loads(Path(f"runs/a/follow_{Path(str(path)).stem}.json").read_text())["mean_error_cm"])

    np.savez("circle.npz", t=SECONDS, pos=CIRCLE)
    wanted = error_cm("circle.npz")
    x, y = CIRCLE.T
    frames = np.arange(len(SECONDS))
    led = [SECONDS, x - 0.01, y - 0.02, x + 0.01, y + 0.02]
    header = (
        "scorer,dlc,dlc,dlc,dlc,dlc,dlc\nbodyparts,nose,nose,nose,tail,tail,tail\ncoords,x,y,likelihood,x,y,likelihood"
    )
    pixels = [frames, 300 * x + 320, 300 * y + 240, 0 * x + 0.9, 0 * x, 0 * y + 7, 0 * x]
    lights = "t,x1,y1,x2,y2"
    deeplabcut = table(Path("c.csv"), header, *pixels)
    centimetres = table(Path("d.txt"), "time;x;y", SECONDS, 100 * x, 100 * y, separator=";")
    milliseconds = table(Path("e.tsv"), "timestamps\tx\ty", np.rint(1000 * SECONDS), x, y, separator="\t")
    nose = ["--columns", "frame,nose.x,nose.y", "--units", "px:300", "--rate", "50"]
    found = {
        "two lights": error_cm(table(Path("a.csv"), lights, *led)),
        "one of two": error_cm(table(Path("b.csv"), lights, SECONDS, x, y, x + 0.1, y), "--columns", "t,x1,y1"),
        "deeplabcut": error_cm(deeplabcut, *nose),
        "semicolon, cm": error_cm(centimetres, "--units", "cm", "--separator", ";"),
        "tab, ms": error_cm(milliseconds, "--rate", 1000),
    }
    assert found == pytest.approx(dict.fromkeys(found, wanted), rel=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--units", "furlong"], "units must be m, cm, mm or px:SCALE"),
        (["--units", "px:inf"], "units must be"),
        (["--rate", "inf"], "--rate must be a finite number"),
        (["--rate", "0"], "rate must be 0.001 to 1e+09"),
        (["--max_speed", "-3"], "max_speed must be above 0"),
        (["--columns", "t,x"], "is 1 place(s) without a time|2 columns are"),
        (["--columns", "t,x,x"], "columns must be different names"),
        (["--columns", "t,x,z"], "no array is named 'z'"),
        (["--separator", "ab"], "separator must be one of"),
        (["--lost", "drop"], "invalid choice"),
    ],
)
def test_flags_that_cannot_be_are_refused_in_one_line(follow, capsys, words, message):
    np.savez("xy.npz", t=SECONDS, x=CIRCLE[:, 0], y=CIRCLE[:, 1])
    assert follow("xy.npz", *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert any(part in line for part in message.split("|")), line


def test_lost_samples_can_be_left_out_and_that_is_told(follow, desk, capsys):
    places = CIRCLE.copy()
    places[50:53] = 1023
    np.savez("lost.npz", t=SECONDS, pos=places)
    assert follow("lost.npz") == 2
    assert "3 of 200 samples are at (1023, 1023) (first: sample 50" in capsys.readouterr().err
    assert follow("lost.npz", "--lost", "interpolate") == 0
    assert "Note: left out of 200 samples, and interpolated: 3 lost at (1023, 1023)." in capsys.readouterr().out
    assert json.loads(Path("runs/a/follow_lost.json").read_text())["notes"]


def test_a_walk_that_ships_is_proposed_before_anything_is_loaded(follow, capsys):
    assert follow("sargolin") == 2
    assert capsys.readouterr().err == "topogrid follow: sargolin: no such file; did you mean sargolini?\n"
    follow("sargolini")
    assert "no such file" not in capsys.readouterr().err
