"""Between evaluations a run shows its map of tau, its learning curves and, if it takes long, its strip of pictures."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from topogrid.session import pictures
from topogrid.session.pictures import FIRST_CURVES, LATER_CURVES, TAU_MAP_EVERY, WatchedPictures, tau_picture
from topogrid.session.run import run_training
from topogrid.settings.config import TrainConfig

CONFIG = TrainConfig(preset="smoke", tau=True, wiring="learned", print_every=2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("topogrid.session.pictures.time.perf_counter", lambda: now[0])
    return now


def test_the_map_of_tau_is_drawn_every_few_logged_steps() -> None:
    tau = torch.full((CONFIG.n_grid_cells,), 3.0)
    shown = [step for step in range(0, 41, 2) if tau_picture(step, tau, CONFIG)]
    assert shown == list(range(0, 41, 2 * TAU_MAP_EVERY))
    assert tau_picture(0, None, CONFIG) == {}


def test_curves_are_drawn_soon_and_the_more_seldom_the_older_a_run_is(
    clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "draw_curves", lambda rows, config: Figure())
    watched = WatchedPictures(CONFIG, tmp_path / "metrics.jsonl", dict)
    drawn = []
    for second in range(601):
        clock[0] = float(second)
        if watched.of_step(1, {}, None):
            drawn.append(second)
    assert drawn[0] == FIRST_CURVES
    assert len(drawn) == 6
    assert all(later >= LATER_CURVES * earlier for earlier, later in itertools.pairwise(drawn))


def test_curves_hold_the_rows_on_disk_and_that_of_the_step(
    clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "metrics.jsonl", []
    path.write_text("".join(json.dumps({"step": step, "train/total_loss": 3.0 - step}) + "\n" for step in (1, 2)))

    def draw(rows: list[dict[str, Any]], config: TrainConfig) -> Figure:
        seen.extend(rows)
        clock[0] += 7.0
        return Figure()

    monkeypatch.setattr(pictures, "draw_curves", draw)
    watched = WatchedPictures(CONFIG, path, dict)
    clock[0] = FIRST_CURVES
    assert list(watched.of_step(4, {"train/total_loss": 0.5}, None)) == ["train/curves"]
    assert [(row["step"], row["train/total_loss"]) for row in seen] == [(1, 2.0), (2, 1.0), (4, 0.5)]
    assert watched.seconds == 7.0
    watched.of_step(6, {}, None)
    assert watched.seconds == 0.0


def test_a_long_run_shows_curves_and_strip_before_its_first_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "FIRST_CURVES", 0.0)
    monkeypatch.setattr("topogrid.session.run.WORTH_A_STRIP", -1.0)
    there: dict[int, set[str]] = {}
    gallery = tmp_path / "imgs" / "a"

    def evaluated(run: Any) -> None:
        there[run.state.step] = {path.name for path in gallery.glob("*.png")}
        run.evaluated = run.state.step

    monkeypatch.setattr("topogrid.session.run.Run._evaluate", evaluated)
    config = TrainConfig(
        preset="smoke", tau=True, wiring="learned", steps=8, tau_growth_steps=2, readout_steps=2, late_steps=0,
        print_every=1, eval_walks=20, name="a", save_dir=str(tmp_path / "runs"), gallery_dir=str(tmp_path / "imgs"),
        wandb="disabled",
    )  # fmt: skip
    assert run_training(config, say=lambda line: None) == 0
    (seen,) = there.values()
    assert {"curves.png", "filmstrip.png"} <= seen
