"""One run from its settings to its finished folder: build or resume, train, evaluate, draw, save, track."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from topogrid import figures
from topogrid.analysis.sheets import module_scales
from topogrid.evaluation.evaluate import STAGES, evaluate, glance
from topogrid.evaluation.gallery import coupling_of, draw_evaluation, draw_filmstrip, draw_tau
from topogrid.evaluation.probe import Probe
from topogrid.evaluation.results import Evaluation
from topogrid.evaluation.saved import save_evaluation, save_glance, saved_moments, unit_rows
from topogrid.evaluation.summary import summarise
from topogrid.files import one_line, write_json_atomic, write_text_atomic
from topogrid.reports.explorer import write_report
from topogrid.runs.checkpoints import Resumable, find_checkpoint, never_saved, save_checkpoint, set_aside_later
from topogrid.runs.errors import CheckpointError
from topogrid.runs.folder import RunFolder, default_name
from topogrid.runs.metrics_log import iterate_metrics, thinned_metrics, truncate_metrics
from topogrid.session.companions import accompany, build_state
from topogrid.session.failures import USUAL, LossWatch, all_finite, look, save_dump
from topogrid.session.pace import expected_seconds, shorter_presets
from topogrid.session.stopping import Abandoned, StopRequest
from topogrid.session.tracking import Tracker, TrackingError, choose_mode
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings
from topogrid.streams import versions
from topogrid.tables import to_csv
from topogrid.trained.trained import Trained
from topogrid.trained.weights import check_fits, checked_step, checked_weights, save_weights
from topogrid.training.cuda_graph import GraphedStep, uses_graph
from topogrid.training.hardware import peak_memory_mb, read_scalars
from topogrid.training.objective import growth_steps, phase_of, readout_steps
from topogrid.training.optimiser import learning_rate
from topogrid.training.processes import Processes, joined
from topogrid.training.state import TrainState
from topogrid.training.step import StepRecord, train

Say = Callable[[str], None]

DONE, CANNOT_START, CANNOT_SAVE, NON_FINITE = 0, 2, 1, 3  # exit codes
TAU_MAP_EVERY = 5  # logged steps; the map is one figure a person watches while it forms
PATIENCE = 20 * 60.0  # seconds; to a run expected to take longer, shorter presets are named
MOMENTS = (0.0, 0.03, 0.1, 1.0)  # of the growth of tau, at which the sheet is glanced at


class CannotStartError(Exception):
    """The run cannot begin; nothing was written."""


def run_training(config: TrainConfig, say: Say) -> int:
    """Do everything that ``train_grid.py`` promises.

    Parameters
    ----------
    config : TrainConfig
        Checked settings; ``config.resume`` names the run to continue, if any.
    say : callable
        Takes each line meant for a person.

    Returns
    -------
    int
        Exit code: 0 done, 1 the final checkpoint could not be saved, 2 cannot start, 3 stopped on a non-finite loss,
        130 or 143 stopped by a signal after saving.
    """
    try:
        with joined() as processes:
            return _lead(config, processes, say) if processes.first else accompany(config, processes)
    except (OSError, ValueError) as error:  # of meeting the other processes, or of one that cannot go along
        say(f"topogrid: {error}")
        return CANNOT_START


def _lead(config: TrainConfig, processes: Processes, say: Say) -> int:
    """Train, and tell the other processes, if there are any, where to start and how it ended."""
    with StopRequest(None if processes.alone else processes.agree) as stop, ExitStack() as held:
        try:
            run = _prepare(config, processes, stop, held, say)
        except (CannotStartError, CheckpointError, TrackingError, OSError, ValueError) as error:
            processes.tell(None)
            say(f"topogrid: {error}")
            return CANNOT_START
        processes.tell(run.began_from)
        run.state.spread(processes)
        code: int = processes.tell(run.train())
    return code


def _prepare(config: TrainConfig, processes: Processes, stop: StopRequest, held: ExitStack, say: Say) -> Run:
    """Build or reload everything a run needs; files are made only once nothing can go wrong any more."""
    mode = None if config.wandb == "auto" else config.wandb
    choose_mode(mode)
    folder, resumed = _reopen(config, held) if config.resume else (None, None)
    state = build_state(config, processes, fitted=False)
    device, precision = state.network.encoder.device, state.network.units.precision
    graph = uses_graph(config.cuda_graph, device, processes, config)
    if folder is None:
        name = config.name or default_name(
            config.describe(), config.n_grid_cells, config.seed, datetime.datetime.now(datetime.UTC)
        )
        folder = RunFolder.create(config.save_dir, name, config.gallery_dir)
        held.callback(folder.lock.release)
    elif resumed is not None:
        _continue(resumed, state, config, say)
    else:
        say(f"{folder.path} was stopped before its first checkpoint: it starts from the beginning")
        truncate_metrics(folder.metrics_path, -1)
    config = dataclasses.replace(config, name=folder.name)
    write_settings(config, folder.config_path)
    how = {"device": str(device), "precision": precision, "processes": str(processes.count)}
    write_json_atomic(folder.versions_path, versions() | how)
    saved = resumed.state if resumed else {}
    tracker = Tracker(
        folder,
        dataclasses.asdict(config) | {"mode": config.describe()},
        mode=mode,
        project=config.wandb_project,
        entity=config.wandb_entity,
        name=config.wandb_name,
        group=config.wandb_group,
        tags=config.wandb_tags,
        run_id=saved.get("run_id"),
        resumed=config.resume != "",
        log_artifact=config.wandb_artifact,
        figure_format=config.figure_format,
        say=say,
    )
    held.callback(tracker.close)
    run = Run(
        config, state, folder, tracker, _Log(folder, say), stop, best=_best(saved), evaluated=_evaluated(saved, config)
    )
    run.began_from = str(resumed.path) if resumed else ""
    run.graph = GraphedStep(state, config, insist=config.cuda_graph == "on") if graph else None
    run.log(
        f"{folder.name}: {config.describe()} network, {config.sheet_side}x{config.sheet_side} units, "
        f"{config.n_place_cells} place cells, steps {state.step + 1} to {config.steps} on {device} ({precision})"
        + ("" if processes.alone else f", by {processes.count} processes")
    )
    if folder.lock.note:
        run.log(folder.lock.note)
    run.announce()
    if state.step == 0:
        state.fit(config)
    return run


def _reopen(config: TrainConfig, held: ExitStack) -> tuple[RunFolder, Resumable | None]:
    """Lock the run to go on with and find its newest good checkpoint; none if it was stopped before it saved one."""
    start = Path(config.resume)
    folder = RunFolder.open(start.parent.parent if start.is_file() else start, config.gallery_dir)
    folder.lock.acquire()
    held.callback(folder.lock.release)
    if never_saved(folder):
        return folder, None
    found = find_checkpoint(config.resume, config.save_dir, config.gallery_dir)
    return folder, found


def _best(saved: Mapping[str, Any]) -> tuple[int, float] | None:
    """Step and error of the best evaluation before a checkpoint was saved; one that makes no sense is forgotten."""
    match saved.get("best"):
        case [int() as step, float() as error]:
            return step, error
    return None


def _evaluated(saved: Mapping[str, Any], config: TrainConfig) -> int | None:
    """Step of the last evaluation before a checkpoint was saved; the last of a run is taken again, for its files."""
    step = saved.get("evaluated")
    return step if isinstance(step, int) and saved.get("step") != config.steps else None


def _continue(resumed: Resumable, state: TrainState, config: TrainConfig, say: Say) -> None:
    """Put a fresh state back to a checkpoint, and its folder to how it was then."""
    where, folder = str(resumed.path), resumed.folder
    saved_step = checked_step(resumed.state, where)
    check_fits(checked_weights(resumed.state.get("network"), where), config, where)
    try:
        state.load_state_dict(resumed.state)
    except Exception as error:  # a file that only looks like a checkpoint can fail in any way
        raise CannotStartError(f"{where} does not fit the settings of its run: {one_line(error)}") from error
    if saved_step > config.steps or (saved_step == config.steps and _is_finished(folder, resumed.state)):
        raise CannotStartError(
            f"{resumed.path} was saved after step {saved_step}, and --steps is {config.steps}: nothing is left to do; "
            "give more --steps"
        )
    for note in (*resumed.notes, *set_aside_later(folder, state.step)):
        say(note)
    truncate_metrics(folder.metrics_path, state.step, evaluated=_evaluated(resumed.state, config) == state.step)


def _is_finished(folder: RunFolder, saved: Mapping[str, Any]) -> bool:
    """Whether a run that trained all its steps also evaluated the last and wrote what it writes at its end."""
    try:
        summary = json.loads(folder.summary_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    written = isinstance(summary, dict) and summary.get("train/steps_done") == saved["step"]
    return written and folder.units_csv.is_file() and saved.get("evaluated") == saved["step"]


@dataclass
class _Log:
    """Lines for a person, on the screen and in ``log.txt``."""

    folder: RunFolder
    say: Say

    def __call__(self, line: str) -> None:
        self.say(line)
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            with self.folder.log_path.open("a", encoding="utf-8") as file:
                file.write(f"{stamp} {line}\n")
        except OSError:  # the line was said; a full disk must not end the run
            return


@dataclass
class Run:
    """A run in progress."""

    config: TrainConfig
    state: TrainState
    folder: RunFolder
    tracker: Tracker
    log: _Log
    stop: StopRequest
    best: tuple[int, float] | None = None
    """Step, and error over walks of training length in cm, of the best evaluation so far."""
    evaluated: int | None = None
    """Step of the last evaluation."""
    began: float = field(default_factory=time.perf_counter)
    last_saved: float = field(default_factory=time.perf_counter)
    evaluation: Evaluation | None = None
    measured: dict[str, float] = field(default_factory=dict)
    """What `evaluation` comes to, by tracked names."""
    busy_elsewhere: float = 0.0
    """Seconds of evaluating and saving since the last logged step, which say nothing about training speed."""
    began_from: str = ""
    """Checkpoint that this run goes on from, if any."""
    graph: GraphedStep | None = None
    """What takes the steps where they are recorded."""

    def __post_init__(self) -> None:
        """Begin to watch for numbers that go wrong."""
        self._last_look = look(self.state)
        self._loss_watch = LossWatch(self._logged_losses())
        self._watched = phase_of(self.state.step + 1, self.config)
        self.moments = moment_steps(self.config)
        """Steps at which the sheet is glanced at."""

    def train(self) -> int:
        """Train to the end, or to where it has to stop; returns the exit code."""
        try:
            if self._evaluation_is_due():
                if self.state.step == 0:  # saved first, so that nothing is lost of a start that took long
                    self._save()
                self._evaluate()
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
        return self._finish(code)

    def _train_steps(self) -> int:
        """Take the steps that are left, and everything in between; returns the exit code."""
        config, state = self.config, self.state
        with _progress_bar(state.step, config.steps) as bar:
            pace = _Pace(state.step)
            for record in train(state, config, self.graph, self.stop.settle):
                if record.metrics:
                    self._report(record, pace, bar)
                last, stopping = record.step == config.steps, self.stop.exit_code is not None
                evaluate, save = self._evaluation_is_due(), self._save_is_due(record.step)
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
                bar.update()
        if self._evaluation_is_due():
            self._evaluate()
            self._draw_filmstrip()
        return DONE

    def _evaluation_is_due(self) -> bool:
        """Whether the network is to be evaluated now: at the start, every so often, and at the end; once a step."""
        step, config = self.state.step, self.config
        # Where the start is glanced at, an evaluation would say the same at many times the cost.
        at_start = step == 0 and not self.moments
        between = step > 0 and step % config.eval_every == 0
        return self.evaluated != step and (at_start or between or step == config.steps)

    def _is_best(self) -> bool:
        return self.best is not None and self.best[0] == self.state.step

    def _is_well(self, record: StepRecord) -> bool:
        """Look whether all steps so far were finite; dump the first that was not."""
        if bool(record.finite):
            self._last_look = look(self.state, self._last_look.began)
            return True
        try:
            path = save_dump(self.folder, self.state, self.config, self._last_look, record)
            said = f"look into it with: python -m topogrid replay {path}"
        except (CheckpointError, OSError) as error:
            said = str(error)
        self.log(
            f"stopped at step {record.step}: the loss or its gradient is not finite; no weight was changed by it. "
            f"Lower --lr, then --resume {self.folder.path}; {said}"
        )
        return False

    def _logged_losses(self) -> list[float]:
        """Return the last losses of a run that goes on."""
        losses = (row.get("train/total_loss", math.nan) for row in iterate_metrics(self.folder.metrics_path))
        return list(deque((loss for loss in losses if math.isfinite(loss)), maxlen=USUAL))

    def _report(self, record: StepRecord, pace: _Pace, bar: tqdm[NoReturn]) -> None:
        """Log the metrics of a step."""
        row = read_scalars(record.metrics)
        speed = pace.steps_per_second(record.step, self.busy_elsewhere)
        self.busy_elsewhere = 0.0
        row |= {
            "train/lr": learning_rate(record.step, self.config),
            "train/steps_per_sec": speed,
            "perf/step_ms": 1000 / speed if speed else math.nan,
            "perf/peak_memory_mb": peak_memory_mb(),
        }
        self.tracker.log(record.step, row, self._tau_picture(record.step))
        self._say_trouble_of_graph()
        loss, error = row["train/total_loss"], row.get("train/position_error_cm")
        told = f"loss {loss:.4f}" + ("" if error is None else f", error {error:.1f} cm")
        bar.set_postfix_str(told)
        if bar.disable:
            left = (self.config.steps - record.step) / speed if speed else math.nan
            self.log(f"step {record.step}/{self.config.steps}: {told}, {speed:.2f} steps/s, {_duration(left)} left")
        phase = phase_of(record.step, self.config)
        if phase != self._watched:  # another loss, with another size
            self._loss_watch, self._watched = LossWatch(), phase
        warning = self._loss_watch.warning(record.step, loss)
        if warning:
            self.log(warning)

    def _say_trouble_of_graph(self) -> None:
        if self.graph is not None and self.graph.trouble:
            self.log(f"steps are taken one by one, they cannot be recorded here: {self.graph.trouble}")
            self.graph.trouble = ""

    def _tau_picture(self, step: int) -> dict[str, Figure]:
        """Tau map of a step that shows one."""
        tau = self.state.network.units.tau
        if tau is None or step % (TAU_MAP_EVERY * self.config.print_every):
            return {}
        return {"tau/tau_map": draw_tau(tau.detach().double().cpu().numpy(), self.config)}

    def announce(self) -> None:
        """Say how long training will take on this machine, and which preset is really shorter where that is long."""
        if self.state.step >= self.config.steps:
            return
        seconds = expected_seconds(self.state, self.config)
        line = f"Training will take about {_in_words(seconds)} here, by steps just timed; evaluations come on top."
        if seconds > PATIENCE:
            shorter = [f"{flags} ({_in_words(takes)})" for flags, takes in shorter_presets(self.config, seconds)]
            line += f" Shorter: {', '.join(shorter)}." if shorter else " Fewer --steps make it shorter."
            line += f" Ctrl-C saves, --resume {self.folder.path} goes on."
        self.log(line)

    def _evaluate(self) -> None:
        """Measure the network, and keep and show what was found; a signal cuts it short before anything is kept."""
        began = time.perf_counter()
        state, config = self.state, self.config
        with self.stop.abandoning(), _EvaluationBar() as bar:
            evaluation = evaluate(self._trained(), progress=bar.begin)
            row = summarise(evaluation, config)
            rows = [*thinned_metrics(self.folder.metrics_path), {"step": state.step, **row}]
            drawn = draw_evaluation(evaluation, config, rows=rows, coupling=coupling_of(row))
        self.tracker.log(state.step, row, drawn)
        self._keep(evaluation)
        self.log(_say_evaluation(state.step, row, config))
        self.evaluation, self.measured, self.evaluated = evaluation, row, state.step
        error = row["validation/trajectory_error_cm"]
        if math.isfinite(error) and (self.best is None or error < self.best[1]):
            self.best = (state.step, error)
        self.busy_elsewhere += time.perf_counter() - began

    def _trained(self) -> Trained:
        return Trained(self.state.network, self.state.place_cells, self.config, self.state.step, folder=self.folder)

    def _glance(self) -> None:
        """Keep how the sheet looks now, on walks that all start at one place; nothing else is measured."""
        began = time.perf_counter()
        state, config = self.state, self.config
        with self.stop.abandoning():
            seen = glance(self._trained(), probe=Probe(anchored=True))
            scales = module_scales(
                seen.lattice.spacing, seen.tau, config.sheet.module_of, np.nan_to_num(seen.scores.score_60) > 0.3
            )
        try:
            save_glance(seen, self._evaluation_path(state.step))
        except OSError as error:
            self.log(f"the sheet at step {state.step} could not be kept: {error}; training goes on")
        above = float(np.mean(np.nan_to_num(seen.scores.score_60) > 0.8))
        there = scales.spacing[np.isfinite(scales.spacing)]
        spacing = f"modules of {there.min():.2f} to {there.max():.2f} m" if there.size else "no module with a spacing"
        taken = time.perf_counter() - began
        self.log(
            f"glance at step {state.step}: grid score above 0.8 in {100 * above:.0f} % of units, {spacing}; "
            f"tau of modules {scales.tau.min():.2f} to {scales.tau.max():.2f} steps; {taken:.0f} s"
        )
        self.busy_elsewhere += taken

    def _draw_filmstrip(self) -> None:
        """Draw how tau and scale appeared on the sheet, from the moments that were kept."""
        if not self.moments:
            return
        kept = [one for one in saved_moments(self.folder.evaluation) if len(one[1]) == self.config.n_grid_cells]
        if len(kept) > 1:
            strip = draw_filmstrip([figures.Moment(*one) for one in kept], self.config)
            self.tracker.log(self.state.step, {}, {"validation/filmstrip": strip})

    def _evaluation_path(self, step: int) -> Path:
        return self.folder.evaluation / f"step_{step:08d}.npz"

    def _keep(self, evaluation: Evaluation) -> None:
        path = self._evaluation_path(evaluation.step)
        try:
            save_evaluation(evaluation, path)
        except OSError as error:
            self.log(f"{path} could not be written: {error}; training goes on")

    def _save_is_due(self, step: int) -> bool:
        waited = time.perf_counter() - self.last_saved
        return step % self.config.save_every == 0 or waited > 60 * self.config.save_minutes

    def _save(self) -> bool:
        """Save a checkpoint; a failure is said and retried at the next interval. True if it was saved."""
        began = time.perf_counter()
        self.last_saved = began
        if not all_finite(self.state.network):
            self.log(f"step {self.state.step} is not saved: its weights are not finite")
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
            self.log(f"{error}; training goes on")
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
        self.tracker.summary(self._summary())
        if code in (DONE, CANNOT_SAVE):
            self._write_report()
        if code == DONE:
            self._publish_weights()
        elif code != NON_FINITE:
            self.log(f"stopped after step {self.state.step}; go on with --resume {self.folder.path}")
        for line in self.tracker.finish():
            self.log(line)
        return code

    def _write_units(self) -> None:
        if self.evaluation is None:
            return
        columns, rows = unit_rows(self.evaluation, self.config)
        try:
            write_text_atomic(self.folder.units_csv, to_csv(columns, rows))
        except OSError as error:
            self.log(f"{self.folder.units_csv} could not be written: {error}")
        self.tracker.table("validation/units", columns, rows)

    def _write_report(self) -> None:
        """Write the sheet explorer; whatever goes wrong, the run is done."""
        try:
            path = write_report(self.folder, self.config)
        except Exception as error:
            self.log(f"{self.folder.report} could not be written: {type(error).__name__}: {error}")
            return
        self.log(f"Report:     {path}")
        self.tracker.page("validation/explorer", path)

    def _publish_weights(self) -> None:
        """Give W&B the trained weights alone, where it takes them."""
        if not self.tracker.takes_artifacts:
            return
        is_best = self._is_best()
        try:
            save_weights(self.folder.path / "weights.pt", self.state.network, self.state.place_cells)
        except OSError as error:
            self.log(f"the weights could not be written for W&B: {error}")
            return
        self.tracker.artifact(self.folder.path / "weights.pt", ("latest", "best") if is_best else ("latest",))

    def _summary(self) -> dict[str, float]:
        network = self.state.network
        summary: dict[str, float] = {
            "train/steps_done": self.state.step,
            "perf/minutes": (time.perf_counter() - self.began) / 60,
            "perf/n_parameters": sum(parameter.numel() for parameter in network.parameters()),
            "perf/peak_memory_mb": peak_memory_mb(),
        }
        if self.best:
            summary["validation/best_step"], summary["validation/best_error_cm"] = self.best
        if self.evaluation is not None and self.evaluation.step == self.state.step:
            summary |= self.measured
        return summary


def moment_steps(config: TrainConfig) -> frozenset[int]:
    """Return the steps at which a sheet of modules is glanced at: while tau grows, and while lattices form."""
    grown = growth_steps(config)
    if config.modules_per_side == 1 or not grown:
        return frozenset()
    early = {round(share * grown) for share in MOMENTS}
    if config.wiring == "learned":
        early.add(grown + round(0.3 * (config.steps - readout_steps(config) - grown)))
    return frozenset(step for step in early if 0 <= step < config.steps)


class _Pace:
    """How fast steps go by."""

    def __init__(self, first_step: int) -> None:
        self._step = first_step
        self._time = time.perf_counter()

    def steps_per_second(self, step: int, busy_elsewhere: float) -> float:
        now = time.perf_counter()
        steps, seconds = step - self._step, now - self._time - busy_elsewhere
        self._step, self._time = step, now
        return steps / seconds if seconds > 0 else 0.0


def _progress_bar(done: int, steps: int) -> tqdm[NoReturn]:
    """Return a bar on a terminal; elsewhere it is silent, and lines are written instead."""
    return tqdm(initial=done, total=steps, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty())


def _duration(seconds: float) -> str:
    return "?" if math.isnan(seconds) else str(datetime.timedelta(seconds=round(seconds)))


class _EvaluationBar:
    """Shows on a terminal how far an evaluation has come."""

    def __init__(self) -> None:
        self._bar = tqdm(
            total=len(STAGES), unit="stage", leave=False, dynamic_ncols=True, disable=not sys.stderr.isatty()
        )
        self._begun = False

    def __enter__(self) -> _EvaluationBar:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._bar.close()

    def begin(self, stage: str) -> None:
        """Show the stage that begins now; the one before is done."""
        self._bar.update(self._begun)
        self._begun = True
        self._bar.set_description(f"evaluation: {stage}")


def _in_words(seconds: float) -> str:
    """Write a duration the way people say it."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} seconds"


def _say_evaluation(step: int, row: dict[str, float], config: TrainConfig) -> str:
    def percent(name: str) -> str:
        return f"{100 * row[f'validation/{name}']:.0f}"

    return (
        f"evaluation at step {step}: error {row['validation/trajectory_error_cm']:.1f} cm over "
        f"{config.seq_length} steps, {row['validation/long_error_cm']:.1f} cm over {config.long_seconds:g} s; "
        f"grid score above 0.3 in {percent('share_above_0.3')} % of units (null {percent('null_share_above_0.3')} %), "
        f"above 0.8 in {percent('share_above_0.8')} % (null {percent('null_share_above_0.8')} %), "
        f"significant {percent('share_gate')} %; {row['perf/eval_seconds']:.0f} s"
    )
