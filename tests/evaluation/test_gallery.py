"""Every picture of an evaluation has a name that is tracked, and a network without time constants has none of tau."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from tests.quick_evaluations import quick_evaluation, without_lattices
from topogrid.evaluation.gallery import (
    MAIN_PICTURES,
    chance_loss,
    coupling_of,
    draw_curves,
    draw_evaluation,
    draw_filmstrip,
    draw_tau,
    network_of,
    wanted_pictures,
)
from topogrid.figures import PALETTE, Moment
from topogrid.measures.pictures import FIGURES
from topogrid.measures.training import LOSS
from topogrid.settings.config import TrainConfig
from topogrid.training.objective import readout_steps

CONFIG = TrainConfig(n_grid_cells=36, tau=True, wiring="dense", n_place_cells=32)
OF_TAU = {"validation/tau_against_spacing", "validation/shares_by_tau"}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return draw_evaluation(quick_evaluation(CONFIG), CONFIG, rows=[{"step": 1, "train/ce_loss": 6.0}])


def test_all_that_is_tracked_is_drawn_but_the_filmstrip(drawn: dict[str, Figure]) -> None:
    assert set(drawn) == set(FIGURES) - {"validation/filmstrip"}


def test_few_pictures_are_drawn_where_few_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topogrid.evaluation.gallery._draw_order", None)  # not one of them
    config = dataclasses.replace(CONFIG, pictures="main")
    rows = [{"step": 1, "train/ce_loss": 6.0}]
    found = draw_evaluation(quick_evaluation(config), config, rows=rows, only=wanted_pictures(config))
    assert set(found) == set(MAIN_PICTURES)
    assert wanted_pictures(CONFIG) is None


def test_without_time_constants_or_rows_there_is_less_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    for slow in ("_rate_maps", "_draw_order"):
        monkeypatch.setattr(f"topogrid.evaluation.gallery.{slow}", lambda *_: Figure())
    plain = dataclasses.replace(CONFIG, tau=False)
    found = draw_evaluation(quick_evaluation(plain), plain)
    assert set(found) == set(FIGURES) - {"validation/filmstrip", "train/curves"} - OF_TAU


def test_pictures_say_the_numbers_of_the_evaluation(drawn: dict[str, Figure]) -> None:
    view = quick_evaluation(CONFIG).settled
    n_lattices = int(np.isfinite(view.lattice.spacing).sum())
    assert f"Grid spacing of {n_lattices} of 36 units" in drawn["validation/topographic_scale_map"].get_suptitle()
    assert f"{view.gate.passed.sum()} of all units" in drawn["validation/topographic_scale_map"].get_suptitle()
    assert "1 dead" in drawn["validation/grid_score_histogram"].get_suptitle()


@pytest.mark.parametrize("found", [True, False], ids=["lattices", "no lattice"])
def test_no_headline_runs_out_of_its_picture(drawn: dict[str, Figure], found: bool) -> None:
    if not found:  # the map is narrower then
        evaluation = quick_evaluation(CONFIG)
        view = dataclasses.replace(evaluation.settled, lattice=without_lattices(evaluation.settled.lattice))
        blank = dataclasses.replace(evaluation, settled=view, start=view)
        maps = ("validation/topographic_scale_map", "validation/orientation_map", "validation/phase_map")
        drawn = draw_evaluation(blank, CONFIG, only=maps)
    for name, figure in drawn.items():
        figure.draw_without_rendering()
        for text in figure.findobj(Text):
            if text.get_text() and text.get_text() == figure.get_suptitle():
                assert text.get_window_extent().x1 <= figure.bbox.x1, name


def test_curves_name_the_phases_that_have_begun_and_fit_their_picture() -> None:
    learned = TrainConfig(preset="laptop", tau=True, steps=100_000)
    last = learned.steps - readout_steps(learned)
    for step, told in (
        (5, ": modules learn"),
        (last, "on walks of 100 steps (grey"),
        (100_000, "read-out learns (grey"),
    ):
        figure = draw_curves([{"step": 1, LOSS.key: 1.0}, {"step": step, LOSS.key: 0.1}], learned)
        figure.draw_without_rendering()
        (headline,) = [text for text in figure.findobj(Text) if text.get_text() == figure.get_suptitle()]
        assert told in headline.get_text()
        assert headline.get_window_extent().x1 <= figure.bbox.x1


def test_tau_is_drawn_on_the_scale_of_all_that_it_may_become() -> None:
    tau = np.linspace(2.0, 3.0, 36)
    image = draw_tau(tau, CONFIG).findobj(AxesImage)[0]
    assert image.get_clim() == (CONFIG.tau_min, CONFIG.tau_max)
    np.testing.assert_allclose(image.get_array(), CONFIG.sheet.map(tau))
    strip = draw_filmstrip([Moment(0, tau, [])], CONFIG).findobj(AxesImage)[0]
    assert strip.get_clim() == pytest.approx((1e3 * CONFIG.dt * CONFIG.tau_min, 1e3 * CONFIG.dt * CONFIG.tau_max))


def test_knowing_nothing_costs_the_logarithm_of_a_population() -> None:
    assert chance_loss(CONFIG) == pytest.approx(math.log(32))
    assert chance_loss(dataclasses.replace(CONFIG, pc_width=(0.2, 0.3))) == pytest.approx(math.log(16))


def test_a_kind_of_network_has_one_colour_and_a_correlation_its_p_value() -> None:
    assert network_of(CONFIG).colour in PALETTE.values()
    assert network_of(CONFIG) != network_of(dataclasses.replace(CONFIG, tau=False))
    whole = {"validation/lattices/tau_spacing_rho": 0.2, "validation/lattices/tau_spacing_p": 0.01}
    assert coupling_of(whole) == (0.2, 0.01)
    assert coupling_of({"validation/lattices/tau_spacing_rho": 0.2}) is None
