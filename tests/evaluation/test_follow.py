"""A walk followed in pieces: every piece is a walk of its own, and errors are counted where there is one."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
import torch

from topogrid.evaluation.decoding import feedback_of, follow
from topogrid.evaluation.follow import follow_in_pieces, follow_recording, steps_of
from topogrid.evaluation.followed import Followed, draw_followed, told
from topogrid.model.network import PathIntegrator
from topogrid.runs.folder import RunFolder
from topogrid.settings.config import TrainConfig
from topogrid.trained.trained import Trained
from topogrid.world.layout import Layout
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks, simulate_walks

STEPS, EVERY, DT = 25, 10, 0.02
CONFIG = TrainConfig(n_grid_cells=16, n_place_cells=32, tau=True)


@pytest.fixture(scope="module")
def network() -> PathIntegrator:
    return PathIntegrator.from_config(CONFIG, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def place_cells() -> PlaceCells:
    return PlaceCells.from_config(CONFIG, torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def walk() -> Walks:
    return simulate_walks(1, STEPS, box_size=(2.2, 2.2), dt=DT, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def followed(network: PathIntegrator, place_cells: PlaceCells, walk: Walks) -> Followed:
    return follow_in_pieces(network, place_cells, walk, dt=DT, restart_s=EVERY * DT)


def test_pieces_are_followed_as_if_one_after_another(followed, network, place_cells, walk):
    start = walk.start
    for piece, first in enumerate(range(0, STEPS, EVERY)):
        moves, places = walk.displacement[first : first + EVERY], walk.position[first : first + EVERY]
        decoded = follow(network, place_cells, Walks(start, moves, places))[:, 0]
        np.testing.assert_allclose(followed.decoded[piece, : len(moves)], decoded.numpy(), atol=1e-6)
        error = 100 * place_cells.error(decoded, places[:, 0]).numpy()
        np.testing.assert_allclose(followed.error_cm[piece, : len(moves)], error, atol=1e-4)
        still = 100 * torch.linalg.vector_norm(places[:, 0] - start, dim=-1).numpy()
        np.testing.assert_allclose(followed.still_cm[piece, : len(moves)], still, atol=1e-4)
        start = places[-1]


def test_nothing_is_counted_after_the_end_of_the_walk(followed):
    assert followed.true.shape == (3, EVERY, 2)
    counted = np.isfinite(followed.error_cm)
    assert counted.sum() == STEPS
    for values in (followed.still_cm, followed.middle_cm, followed.true[..., 0], followed.decoded[..., 1]):
        np.testing.assert_array_equal(np.isfinite(values), counted)
    found = followed.summary()
    assert found["mean_error_at_end_cm"] == pytest.approx(followed.error_cm[:2, -1].mean())
    assert found["median_error_cm"] == pytest.approx(np.nanmedian(followed.error_cm))
    assert found["middle_mean_error_cm"] == pytest.approx(
        100 * np.nanmean(np.hypot(*np.moveaxis(followed.true, -1, 0)))
    )
    assert "feedback_mean_error_cm" not in found
    assert followed.errors().feedback_mean is None


@pytest.mark.parametrize("restart_s", [0.0, 99.0])
def test_a_walk_may_be_one_piece(network, place_cells, walk, restart_s):
    whole = follow_in_pieces(network, place_cells, walk, dt=DT, restart_s=restart_s)
    np.testing.assert_allclose(whole.decoded[0], follow(network, place_cells, walk)[:, 0].numpy(), atol=1e-6)
    assert whole.seconds[-1] == pytest.approx(STEPS * DT)
    assert "told the place once" in told(whole, "a.npz", 0.5)[0]
    title = draw_followed(whole, CONFIG, "a").get_suptitle()
    assert "given only its start" in title
    assert f"sitting still {whole.summary()['hold_still_mean_error_cm']:.1f}" in title


def test_with_feedback_both_are_told(followed, network, place_cells, walk):
    assert feedback_of(CONFIG, place_cells) is None
    feedback = feedback_of(dataclasses.replace(CONFIG, place_feedback=0.2), place_cells)
    assert feedback is not None
    both = follow_in_pieces(network, place_cells, walk, dt=DT, restart_s=EVERY * DT, feedback=feedback)
    np.testing.assert_array_equal(both.error_cm, followed.error_cm)
    assert both.feedback_error_cm is not None
    assert np.isfinite(both.feedback_error_cm).sum() == STEPS
    lines = "\n".join(told(both, "a.npz", STEPS * DT))
    assert "told the place every 0.2 s" in lines
    assert all(who in lines for who in ("network, with feedback:", "sitting still:", "always guessing the middle:"))
    assert both.record()["pieces"] == 3
    steps: list[tuple[int, int]] = []
    follow_in_pieces(
        network, place_cells, walk, dt=DT, restart_s=EVERY * DT, feedback=feedback,
        progress=lambda _what, done, of: steps.append((done, of)),
    )  # fmt: skip
    assert steps[-1] == (2 * STEPS, 2 * STEPS)
    assert [done for done, _of in steps] == sorted(done for done, _of in steps)
    assert "3 pieces" in draw_followed(both, CONFIG, "a").get_suptitle()


def test_few_pieces_at_once_give_the_same_as_many(followed, network, place_cells, walk, monkeypatch):
    monkeypatch.setattr("topogrid.evaluation.follow.PIECES_AT_ONCE", 2)
    few = follow_in_pieces(network, place_cells, walk, dt=DT, restart_s=EVERY * DT)
    np.testing.assert_allclose(few.decoded, followed.decoded, atol=1e-6)
    np.testing.assert_array_equal(few.true, followed.true)


def test_what_is_not_finite_is_null_in_the_record(followed):
    holed = followed._replace(error_cm=np.full_like(followed.error_cm, np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        record = holed.record()
    assert record["mean_error_cm"] is None
    assert record["hold_still_mean_error_cm"] > 0
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(
    ("restart_s", "steps"), [(0, 0), (0.02, 1), (0.05, 2), (0.06, 3), (10.0, 500), (np.float32(2), 100)]
)
def test_restarts_are_whole_steps(restart_s, steps):
    assert steps_of(restart_s, 0.02) == steps


@pytest.mark.parametrize("restart_s", [-1, np.nan, np.inf, 1e300, 0.019, 1e-300, True, "10", None])
def test_what_is_no_restart_is_refused(restart_s):
    with pytest.raises(ValueError, match="restart must be 0") as caught:
        steps_of(restart_s, 0.02)
    assert "\n" not in str(caught.value)


def test_a_recording_is_followed_in_one_call(network, place_cells, tmp_path):
    t = np.arange(100) / 50
    path = tmp_path / "walk.csv"
    np.savetxt(path, np.c_[t, 30 * np.cos(t), 30 * np.sin(t)], delimiter=";", header="time;x;y", comments="")
    found = follow_recording(Trained(network, place_cells, CONFIG, 0), path, restart_s=0.5, layout=Layout(units="cm"))
    assert found.record()["restart_seconds"] == pytest.approx(round(0.5 / CONFIG.dt) * CONFIG.dt)
    assert found.record()["walk"] == "walk.csv"
    assert found.top_speed == pytest.approx(0.3, rel=0.01)
    assert "Followed walk.csv" in found.told()[0]
    folder = RunFolder(tmp_path / "run", tmp_path / "gallery")
    folder.path.mkdir()
    assert found.save(folder) == tmp_path / "gallery" / "follow_walk.png"
    assert json.loads((folder.path / "follow_walk.json").read_text()) == found.record()
