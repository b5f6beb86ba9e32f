"""One run from its settings to its finished folder: train, and evaluate, draw, save, track in between."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from matplotlib.figure import Figure

from topogrid.evaluation.gallery import draw_evaluation, wanted_pictures
from topogrid.evaluation.measured import Measured, described, measure
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.saved import save_evaluation, save_glance, unit_rows
from topogrid.files import write_text_atomic
from topogrid.measures.decoding import ERROR
from topogrid.measures.training import LOSS, STEPS_DONE, TURNS
from topogrid.reports.explorer import write_report
from topogrid.runs.checkpoints import save_checkpoint
from topogrid.runs.errors import CheckpointError
from topogrid.runs.metrics_log import thinned_metrics
from topogrid.session.captions import captions_of
from topogrid.session.companions import accompany
from topogrid.session.failures import LossWatch, all_finite, logged_losses, look, save_dump
from topogrid.session.log import Say, on_screen, tell
from topogrid.session.moments import SaveDue, evaluates_start, filmstrip, look_at_sheet
from topogrid.session.next_commands import next_commands, resuming_command
from topogrid.session.pace import Pace
from topogrid.session.pictures import WORTH_A_STRIP, WatchedPictures, tau_picture
from topogrid.session.progress import DRAWING, EvaluationProgress, Progress, say_evaluation
from topogrid.session.screen import Screen
from topogrid.session.start import Start, prepare
from topogrid.session.stopping import Abandoned, StopRequest
from topogrid.session.wandb_mode import TrackingError
from topogrid.settings.config import TrainConfig
from topogrid.tables import to_csv
from topogrid.trained.trained import Trained
from topogrid.trained.weights import save_weights
from topogrid.training.hardware import peak_memory_mb, read_scalars
from topogrid.training.objective import phase_and_length
from topogrid.training.optimiser import rates
from topogrid.training.processes import Processes, joined
from topogrid.training.step import StepRecord, train

DONE, CANNOT_START, CANNOT_SAVE, NON_FINITE = 0, 2, 1, 3  # exit codes


def run_training(
    config: TrainConfig, say: Say | None = None, *, began: Callable[[Path], object] = lambda path: None
) -> int:
    """Do everything that ``topogrid train`` promises.

    What is said goes to the logger ``topogrid``, so to the screen, and to ``log.txt`` in the folder of the run.

    Parameters
    ----------
    config : TrainConfig
        Checked settings; ``config.resume`` names the run to continue, if any.
    say : callable, optional
        Takes each line meant for a person, in place of the screen.
    began : callable
        Told the folder of the run once there is one.

    Returns
    -------
    int
        Exit code: 0 done, 1 the final checkpoint could not be saved, 2 cannot start, 3 stopped on a non-finite loss,
        130 or 143 stopped by a signal after saving.
    """
    with on_screen(say) as screen:
        try:
            with joined() as processes:
                if processes.first:
                    return _lead(config, processes, screen, began)
                return accompany(config, processes)
        except (OSError, ValueError) as error:  # of meeting the other processes, or of one that cannot go along
            tell(f"topogrid: {error}")
            return CANNOT_START


def _lead(config: TrainConfig, processes: Processes, screen: Screen, began: Callable[[Path], object]) -> int:
    """Train, and tell the other processes, if there are any, where to start and how it ended."""
    with StopRequest(None if processes.alone else processes.agree) as stop, ExitStack() as held:
        try:
            run = Run(prepare(config, processes, held), stop, screen)
        except (CheckpointError, TrackingError, OSError, ValueError) as error:
            processes.tell(None)
            tell(f"topogrid: {error}")
            return CANNOT_START
        began(run.folder.path)
        processes.tell(run.began_from)
        run.state.spread(processes)
        code: int = processes.tell(run.train())
    return code


class Run:
    """A run in progress."""

    def __init__(self, start: Start, stop: StopRequest, screen: Screen) -> None:
        self.config, self.state, self.folder = start.config, start.state, start.folder
        self.tracker, self.stop, self.screen = start.tracker, stop, screen
        self.graph, self.forecast = start.graph, start.forecast
        """What takes the steps where they are recorded."""
        self.best, self.evaluated = start.best, start.evaluated
        """Step, and error over walks of training length in cm, of the best evaluation; step of the last."""
        self.began_from = start.began_from
        self._saving, self.began = SaveDue(self.config), time.perf_counter()
        self._watched = WatchedPictures(self.config, self.folder.metrics_path, self.tracker.rendered)
        self.measured: Measured | None = None
        """The last evaluation, and what it comes to."""
        self.busy_elsewhere = 0.0
        """Seconds of evaluating and saving since the last logged step, which say nothing about training speed."""
        self.moments = start.forecast.moments
        """Steps at which the sheet is glanced at."""
        self.progress = Progress(screen, self.state.step, self.config.steps)
        self._last_look = look(self.state)
        before = phase_and_length(max(1, self.state.step), self.config)
        self._loss_watch = LossWatch(logged_losses(self.folder.metrics_path), *before)

    def train(self) -> int:
        """Train to the end, or to where it has to stop; returns the exit code."""
        with self.progress:
            return self._finish(self._train_and_save())

    def _train_and_save(self) -> int:
        """Train, and save where that had to stop; returns the exit code."""
        try:
            if self._evaluation_is_due():
                if self.state.step == 0:  # saved first, so that nothing is lost of a start that took long
                    self._save()
                self._evaluate()
                if self.state.step == self.config.steps:  # stopped in the last one
                    self._draw_filmstrip()
                self._save()
            elif self.state.step == 0:
                self._save()
            if self.state.step in self.moments:
                self._glance()
            code = self._train_steps()
        except Abandoned:
            # The evaluation is taken again by whoever goes on; what was trained is saved.
            code = self.stop.exit_code or DONE
        if code not in (DONE, NON_FINITE):
            self._save()
        return code

    def _train_steps(self) -> int:
        """Take the steps that are left, and everything in between; returns the exit code."""
        config, state = self.config, self.state
        pace, self.busy_elsewhere = Pace(state.step), 0.0
        for record in train(state, config, self.graph, self._settle):
            if record.metrics:
                self._report(record, pace)
            else:
                self.progress.step(record.step)
            last, stopping = record.step == config.steps, self.stop.exit_code is not None
            evaluate, save = self._evaluation_is_due(), self._saving.is_due(record.step)
            # Asking whether a step was finite waits for the device: only where something waits for it anyway. With
            # several processes, all of them ask at the same steps.
            asks = bool(record.metrics) or stopping or (state.processes.alone and (evaluate or save))
            if asks and not self._is_well(record):
                return NON_FINITE
            if stopping:
                return self.stop.exit_code or DONE
            if not last and (evaluate or save or record.step in self.moments) and bool(record.finite):
                if record.step in self.moments:
                    self._glance()
                if evaluate:
                    self._evaluate()
                    save = save or self._is_best()
                if save:
                    self._save()
        if self._evaluation_is_due():
            self._evaluate()
            self._draw_filmstrip()
        return DONE

    def _settle(self) -> None:
        """Agree with the other processes after a step, and have their weights where somebody is to look at these."""
        self.stop.settle()
        if self.state.share is not None:
            step, stops = self.state.step, self.stop.exit_code is not None
            looks = stops or step in self.moments or self._evaluation_is_due() or self._saving.is_due(step)
            if self.state.processes.agree(int(looks) or None):
                self.state.gather()

    def _evaluation_is_due(self) -> bool:
        """Whether the network is to be evaluated now: at the start, every so often, and at the end; once a step."""
        step, config = self.state.step, self.config
        at_start = step == 0 and evaluates_start(config)
        between = step > 0 and step % config.eval_every == 0
        return self.evaluated != step and (at_start or between or step == config.steps)

    def _is_best(self) -> bool:
        return self.best is not None and self.best[0] == self.state.step

    def _is_well(self, record: StepRecord) -> bool:
        """Look whether all steps so far were finite; dump the first that was not."""
        if bool(record.finite):
            self._last_look = look(self.state, self._last_look.began)
            return True
        self.state.gather()
        try:
            path = save_dump(self.folder, self.state, self.config, self._last_look, record)
            said = f"look into it with: topogrid replay {shlex.quote(str(path))}"
        except (CheckpointError, OSError) as error:
            said = str(error)
        tell(
            f"stopped at step {record.step}: the loss or its gradient is not finite; no weight was changed by it. "
            f"Go on more slowly: {resuming_command(self.folder.path)} --lr {self.config.lr / 2:g}; {said}"
        )
        return False

    def _report(self, record: StepRecord, pace: Pace) -> None:
        """Log the metrics of a step."""
        row = read_scalars(record.metrics)
        speed = pace.steps_per_second(record.step, self.busy_elsewhere)
        self.busy_elsewhere = 0.0
        row |= {
            **rates(record.step, self.config),
            "train/steps_per_sec": speed,
            "perf/step_ms": 1000 / speed if speed else math.nan,
            "perf/peak_memory_mb": peak_memory_mb(),
        }
        self.tracker.log(record.step, row, self._watched.of_step(record.step, row, self.state.network.units.tau))
        self.busy_elsewhere += self._watched.seconds
        if self.graph is not None and self.graph.trouble:
            tell(f"steps are taken one by one, they cannot be recorded here: {self.graph.trouble}")
            self.graph.trouble = ""
        self.forecast.took(record.step, pace.seconds)
        news = self._loss_watch.news(record.step, row[LOSS.key], *phase_and_length(record.step, self.config))
        if news:
            tell(news)
        self.progress.report(record.step, row, self.forecast.left(record.step))

    def _evaluate(self) -> None:
        """Measure the network, and keep and show what was found; a signal cuts it short before anything is kept."""
        began = time.perf_counter()
        state, config = self.state, self.config
        with self.stop.abandoning(), EvaluationProgress(self.progress, self.screen, state.step) as shown:
            try:
                measured = measure(self._trained(), progress=shown.begin)
            except ValueError as error:  # of activity that is no number any more; the next loss will not be one either
                tell(f"the network could not be measured at step {state.step}: {error}; training goes on")
                self.evaluated = state.step
                return
            row = measured.row
            shown.begin(DRAWING)
            pictures = self.tracker.rendered(self._drawn(measured))
        self.tracker.log(state.step, row, pictures, captions_of(config))
        self._keep(measured.evaluation)
        tell(say_evaluation(state.step, row, config))
        self.measured, self.evaluated = measured, state.step
        error_cm = row[ERROR.key]
        if math.isfinite(error_cm) and (self.best is None or error_cm < self.best[1]):
            self.best = (state.step, error_cm)
        seconds = time.perf_counter() - began
        self.busy_elsewhere += seconds
        if state.step:  # the first one draws next to nothing
            self.forecast.evaluation, self.forecast.evaluated = seconds, True

    def _drawn(self, measured: Measured) -> dict[str, Figure]:
        """Draw an evaluation; of an untrained network only the first map of tau, for all else is noise."""
        if self.state.step == 0:
            return tau_picture(0, self.state.network.units.tau, self.config)
        rows = [*thinned_metrics(self.folder.metrics_path), {"step": self.state.step, **measured.row}]
        only = wanted_pictures(self.config)
        return draw_evaluation(measured.evaluation, self.config, rows=rows, summary=measured.summary, only=only)

    def _trained(self) -> Trained:
        return Trained(self.state.network, self.state.place_cells, self.config, self.state.step, folder=self.folder)

    def _glance(self) -> None:
        """Keep how the sheet looks now; nothing else is measured."""
        began = time.perf_counter()
        self.progress.doing(f"quick evaluation at step {self.state.step}")
        with self.stop.abandoning():
            seen, line = look_at_sheet(self._trained())
        try:
            save_glance(seen, self._evaluation_path(self.state.step))
        except OSError as error:
            tell(f"the sheet at step {self.state.step} could not be kept: {error}; training goes on")
        tell(line)
        self.progress.doing("")
        self.forecast.glance = time.perf_counter() - began
        if self.forecast.left(self.state.step) > WORTH_A_STRIP:
            self._draw_filmstrip()
        self.busy_elsewhere += time.perf_counter() - began

    def _draw_filmstrip(self) -> None:
        strip = filmstrip(self.folder.evaluation, self.config) if self.moments else None
        if strip is not None:
            self.tracker.log(self.state.step, {}, {"validation/filmstrip": strip})

    def _evaluation_path(self, step: int) -> Path:
        return self.folder.evaluation / f"step_{step:08d}.npz"

    def _keep(self, evaluation: Evaluation) -> None:
        path = self._evaluation_path(evaluation.step)
        try:
            save_evaluation(evaluation, path)
        except OSError as error:
            tell(f"{path} could not be written: {error}; training goes on")

    def _save(self) -> bool:
        """Save a checkpoint; a failure is said and retried at the next interval. True if it was saved."""
        began = self._saving.begin()
        if not all_finite(self.state.network):
            tell(f"step {self.state.step} is not saved: its weights are not finite")
            return False
        state = self.state.state_dict() | {
            "run_id": self.tracker.run_id,
            "best": list(self.best) if self.best else None,
            "evaluated": self.evaluated,
        }
        protect = (self.best[0],) if self.best else ()
        try:
            save_checkpoint(self.folder, state, self.state.step, keep=self.config.keep_checkpoints, protect=protect)
        except CheckpointError as error:
            tell(f"{error}; training goes on")
            return False
        finally:
            self.busy_elsewhere += time.perf_counter() - began
        return True

    def _finish(self, code: int) -> int:
        """Measure and save the last state, and say where everything is."""
        if code == DONE:
            if not self._save():
                code = CANNOT_SAVE
            self._write_units()
        self._sum_up()
        if code in (DONE, CANNOT_SAVE):
            self._write_report()
        if code == DONE:
            self._publish_weights()
        elif code != NON_FINITE:
            tell(f"stopped after step {self.state.step}; go on with: {resuming_command(self.folder.path)}")
        for line in self.tracker.finish():
            tell(line)
        if code == DONE:
            tell(f"Next:       {next_commands(self.folder.path)}")
        return code

    def _write_units(self) -> None:
        if self.measured is None:
            return
        columns, rows = unit_rows(self.measured.evaluation, self.config)
        try:
            write_text_atomic(self.folder.units_csv, to_csv(columns, rows))
        except OSError as error:
            tell(f"{self.folder.units_csv} could not be written: {error}")
        self.tracker.table("validation/units", columns, rows)

    def _write_report(self) -> None:
        """Write the sheet explorer; whatever goes wrong, the run is done."""
        try:
            path = write_report(self.folder, self.config)
        except Exception as error:
            tell(f"{self.folder.report} could not be written: {type(error).__name__}: {error}")
            return
        tell(f"Report:     {path}")
        self.tracker.page("validation/explorer", path)

    def _publish_weights(self) -> None:
        """Give W&B the trained weights alone, where it takes them."""
        if not self.tracker.takes_artifacts:
            return
        is_best = self._is_best()
        try:
            save_weights(self.folder.path / "weights.pt", self.state.network, self.state.place_cells)
        except OSError as error:
            tell(f"the weights could not be written for W&B: {error}")
            return
        self.tracker.artifact(self.folder.path / "weights.pt", ("latest", "best") if is_best else ("latest",))

    def _sum_up(self) -> None:
        """Write what training took and, if the last state was measured, what that came to."""
        numbers: dict[str, float] = {
            STEPS_DONE.key: self.state.step,
            "perf/minutes": (time.perf_counter() - self.began) / 60,
            "perf/n_parameters": sum(parameter.numel() for parameter in self.state.network.parameters()),
            "perf/peak_memory_mb": peak_memory_mb(),
        }
        if self.state.turns:
            numbers[TURNS.key] = len(self.state.turns)
        if self.best:
            numbers["validation/best_step"], numbers["validation/best_error_cm"] = self.best
        measured = self.measured
        if measured is None or measured.evaluation.step != self.state.step:
            self.tracker.summary(numbers)
        else:
            self.tracker.summary(numbers | measured.row, described(self._trained(), measured))
