"""A run that nobody watches on a terminal still gives a sign of life."""

import io
import time

import pytest

from tests.quick_evaluations import quick_evaluation
from topogrid.evaluation.summary import summarise
from topogrid.measures.training import LOSS
from topogrid.session import progress
from topogrid.session.log import on_screen, tell
from topogrid.session.progress import EvaluationProgress, Progress, say_evaluation
from topogrid.session.screen import Screen
from topogrid.settings.config import TrainConfig


class Terminal(io.StringIO):
    """Text that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PULSE", 0.05)


@pytest.mark.usefixtures("_impatient")
def test_silence_is_broken_by_what_is_being_done() -> None:
    said: list[str] = []
    with on_screen(said.append) as screen, Progress(screen, 3, 9) as shown:
        time.sleep(0.3)
        with EvaluationProgress(shown, screen, 3) as evaluation:
            evaluation.begin("walks")
            time.sleep(0.3)
        shown.step(4)
        time.sleep(0.3)
    assert said[0] == "step 4/9 is being taken"
    assert any(line.startswith("evaluation at step 3: walks (1 of 5), for 1 second") for line in said)
    assert said[-1] == "step 5/9 is being taken"


def test_what_is_said_is_a_sign_of_life_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PULSE", 0.4)
    said: list[str] = []
    with on_screen(said.append) as screen, Progress(screen, 0, 9):
        for _ in range(8):
            time.sleep(0.1)
            tell("news")
    assert said == ["news"] * 8


@pytest.mark.usefixtures("_impatient")
def test_a_terminal_has_bars_instead() -> None:
    terminal = Terminal()
    said: list[str] = []
    with on_screen(said.append), Screen(terminal) as screen, Progress(screen, 0, 9) as shown:
        assert shown.is_terminal
        with EvaluationProgress(shown, screen, 0) as evaluation:
            evaluation.begin("walks")
        shown.report(1, {LOSS.key: 3.0, "train/steps_per_sec": 2.0}, 75.0)
        time.sleep(0.2)
    assert said == []
    assert "evaluation: walks" in terminal.getvalue()
    assert "1/9" in terminal.getvalue()
    assert "loss 3.0000, 0:01:15 left" in terminal.getvalue()


def test_elsewhere_a_step_is_a_line() -> None:
    said: list[str] = []
    with on_screen(said.append) as screen, Progress(screen, 0, 9) as shown:
        shown.report(1, {LOSS.key: 3.0, "train/steps_per_sec": 2.0, "train/position_error_cm": 12.34}, 75.0)
    assert said == ["step 1/9: loss 3.0000, error 12.3 cm, 2 steps/s, 0:01:15 left"]


def test_the_errors_of_an_evaluation_stand_beside_those_of_sitting_still() -> None:
    config = TrainConfig(n_grid_cells=36, n_place_cells=32)
    evaluation = quick_evaluation(config)
    row = summarise(evaluation, config) | {"perf/eval_seconds": 1.0}
    still = evaluation.decoding.hold_still_short_cm, evaluation.decoding.hold_still_cm.mean()
    said = say_evaluation(7, row, config)
    assert f"error 5.0 cm over 20 steps (sitting still {still[0]:.1f} cm)" in said
    assert f"as the mean of 10 s ({still[1]:.1f} cm)" in said


def test_the_line_of_a_sheet_of_modules_tells_how_spacing_goes_with_tau() -> None:
    config = TrainConfig(n_grid_cells=36, n_place_cells=32)
    row = summarise(quick_evaluation(config), config) | {"perf/eval_seconds": 1.0}
    assert "to the power" not in say_evaluation(7, row, config)
    assert "spacing of modules goes as tau to the power 0.98;" in say_evaluation(
        7, row | {"validation/module_scaling_slope": 0.98}, config
    )
