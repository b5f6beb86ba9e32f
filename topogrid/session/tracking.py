"""What a run reports: ``metrics.jsonl`` and figures in its folder first, Weights & Biases as their mirror.

Nothing that W&B does, or fails to do, reaches the training loop: its calls wait in a queue of their own thread.
"""

from __future__ import annotations

import functools
import io
import math
import os
import queue
import re
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, SupportsFloat

from matplotlib.figure import Figure

from topogrid.files import check_writable, one_line, write_json_atomic, write_text_atomic
from topogrid.measures import FIGURES, METRICS, PAGES, TABLES, at_a_moment, has_panel, known, meaning
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import MetricsFile
from topogrid.training.objective import SUMS, TERMS, TOTAL

MODES = ("online", "offline", "disabled")


DPI = 120


INIT_TIMEOUT = 20  # seconds that a run waits for W&B before it starts


FINISH_TIMEOUT = 60  # seconds that a run waits for W&B after it ended


MAX_WAITING = 1000  # calls in the queue; a service that hangs must not fill the memory


LOGGED: dict[str, str] = {
    TOTAL: "Sum of all loss terms with their weights, nats where the place code is read.",
    **{term.name: term.about for term in TERMS},
    **{name: about for name, (about, _parts) in SUMS.items()},
    **METRICS,
}
"""Every number that is logged, and what it means; errors are also told at other moments, see `measures.meaning`."""


class TrackingError(Exception):
    """W&B was asked for in a way that cannot work; the message is one sentence for a person."""


class Mode(NamedTuple):
    """How W&B is used, and why."""

    mode: str
    reason: str


def resolve_mode(flag: str | None, env: str | None, has_key: bool) -> Mode:
    """Decide how W&B is used: the flag, else ``WANDB_MODE``, else online with a key and offline without.

    Parameters
    ----------
    flag : {"online", "offline", "disabled", "auto"} or None
        What the user asked for; ``auto`` is as good as nothing.
    env : str or None
        Value of ``WANDB_MODE``.
    has_key : bool
        Whether W&B has an API key.

    Raises
    ------
    TrackingError
        If the flag says online and there is no key.
    ValueError
        If the flag is none of the above.
    """
    if flag not in (None, "auto", *MODES):
        raise ValueError(f"the W&B mode is one of auto, {', '.join(MODES)}; got {flag!r}")
    if flag == "online" and not has_key:
        raise TrackingError(
            "--wandb online needs an API key and there is none: "
            "run `wandb login`, set WANDB_API_KEY, or leave the flag out"
        )
    if flag in MODES:
        return Mode(str(flag), f"--wandb {flag}")
    asked = {"dryrun": "offline", "run": "online"}.get(env or "", env)
    if asked == "online" and not has_key:
        return Mode("offline", f"WANDB_MODE={env}, but there is no API key; `wandb login` makes one")
    if asked in MODES:
        return Mode(str(asked), f"WANDB_MODE={env}")
    ignored = f"; WANDB_MODE={env} is not known" if env else ""
    if has_key:
        return Mode("online", "an API key is there" + ignored)
    return Mode("offline", "no API key; `wandb login` makes one" + ignored)


def choose_mode(flag: str | None) -> Mode:
    """Apply `resolve_mode` to this machine; asks W&B for a key only if the answer matters, and never a person.

    Raises
    ------
    TrackingError, ValueError
        See `resolve_mode`.
    """
    env = os.environ.get("WANDB_MODE")
    if flag in ("offline", "disabled") or (flag in (None, "auto") and env in ("offline", "disabled", "dryrun")):
        return resolve_mode(flag, env, has_key=False)
    return resolve_mode(flag, env, _has_key())


def _has_key() -> bool:
    with _environment({"WANDB_SILENT": "true"}), suppress(Exception):
        import wandb

        return bool(wandb.login(prompt=False, verify=False))
    return False


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, for a while."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class Tracker:
    """Keeps what a run reports, and mirrors it to W&B.

    Parameters
    ----------
    folder : RunFolder
    settings : mapping
        All settings of the run, resolved.
    mode : {"online", "offline", "disabled", "auto"}, optional
        See `resolve_mode`.
    project, entity, name, group, tags, job_type
        How W&B files the run; no entity means the user's own.
    run_id : str, optional
        W&B id to go on with, from a checkpoint; otherwise the one in the run folder, otherwise a new one.
    resumed : bool
        Whether the run goes on from a checkpoint.
    log_artifact : bool
        Log the model as an artifact even offline, where it costs a copy of the file.
    figure_format : {"png", "pdf"}
        With ``pdf`` every figure is also saved as a vector PDF; W&B and the galleries show the PNG.
    say : callable
        Called with each sentence that a person should see at once.

    Attributes
    ----------
    mode : Mode
        What is done, after all that failed.
    run_id : str
        Stable W&B id of the run.
    notes : list of str
        Everything that went wrong, in order.

    Raises
    ------
    TrackingError, ValueError
        See `resolve_mode`.
    OSError
        If ``metrics.jsonl`` cannot be opened.
    """

    def __init__(
        self,
        folder: RunFolder,
        settings: Mapping[str, Any],
        *,
        mode: str | None = None,
        project: str = "topogrid",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        job_type: str = "train",
        run_id: str | None = None,
        resumed: bool = False,
        log_artifact: bool = False,
        figure_format: str = "png",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.mode = choose_mode(mode)
        self.notes: list[str] = []
        self._folder = folder
        self._say = say
        self._log_artifact = log_artifact
        self._formats = tuple(dict.fromkeys(("png", figure_format)))
        self._tables: set[str] = set()
        self._metrics = MetricsFile(folder.metrics_path)
        self._disk_failed = False
        self.run_id = self._stable_id(run_id)
        self._mirror: _Mirror | None = None
        self._n_unmirrored = 0
        self._wanted = self.mode.mode != "disabled"
        if self._wanted:
            filing = {
                "project": project,
                "entity": entity or None,
                "name": name or folder.name,
                "group": group or None,
                "tags": list(tags) or None,
                "job_type": job_type,
                "config": dict(settings),
                "id": self.run_id,
            }
            self._start(filing, resumed)
        say(f"W&B: {self.mode.mode} ({self.mode.reason}).")

    def _stable_id(self, run_id: str | None) -> str:
        path = self._folder.path / "wandb_id.txt"
        stored = path.read_text(errors="replace").strip() if path.is_file() else ""
        # A sweep agent chooses the id of the run it starts. An id becomes part of a path: nothing else is one.
        candidates = (run_id, stored, os.environ.get("WANDB_RUN_ID"), secrets.token_hex(4))
        chosen = next(one for one in candidates if isinstance(one, str) and re.fullmatch(r"[\w-]{1,64}", one, re.A))
        if chosen != stored:
            with suppress(OSError):
                write_text_atomic(path, chosen + "\n")
        return chosen

    def _start(self, filing: Mapping[str, Any], resumed: bool) -> None:
        """Start W&B, online if that is the mode, offline if it fails; disabled if that fails too."""
        root = Path(os.environ.get("WANDB_DIR") or self._folder.path)
        try:
            # W&B would go to the system's temporary folder instead, where nobody looks.
            check_writable(root / "wandb")
            (root / "wandb").mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            self._fall_back("disabled", str(error))
            return
        attempts = ("online", "offline") if self.mode.mode == "online" else ("offline",)
        for attempt, fallback in zip(attempts, (*attempts[1:], "disabled"), strict=True):
            try:
                self._mirror = _Mirror(root, attempt, dict(filing), resumed)
            except Exception as error:
                self._fall_back(fallback, f"{attempt} failed: {one_line(error)}")
            else:
                return

    def _fall_back(self, mode: str, reason: str) -> None:
        self.mode = Mode(mode, reason)
        self._note(f"W&B is {mode}: {reason}")

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self._say(sentence)

    def log(
        self,
        step: int,
        row: Mapping[str, SupportsFloat] | None = None,
        figures: Mapping[str, Figure] | None = None,
        captions: Mapping[str, str] | None = None,
    ) -> None:
        """Record what belongs to one step, as one row here and one in W&B.

        Parameters
        ----------
        step : int
        row : mapping
            Numbers by their keys in `LOGGED`.
        figures : mapping
            Figures by their keys in `FIGURES`; the newest of each stays in the run folder, with a copy in the gallery.
        captions : mapping
            Captions that say more than those of `FIGURES`.

        Raises
        ------
        ValueError
            If a key is not described in this module.
        """
        numbers = {_known_number(key): _number(value) for key, value in (row or {}).items()}
        drawn = {known(key, FIGURES): self._draw(key, figure) for key, figure in (figures or {}).items()}
        if numbers:
            self._write({"step": step, "time": round(time.time(), 3), **numbers})
        texts = {key: entry.caption for key, entry in FIGURES.items()} | dict(captions or {})
        images = {key: (png, texts[key]) for key, png in drawn.items() if png is not None}
        self._submit(lambda mirror: mirror.log(step, numbers, images))

    def figures(self, step: int, figures: Mapping[str, Figure], captions: Mapping[str, str] | None = None) -> None:
        """Record figures alone; see `log`."""
        self.log(step, figures=figures, captions=captions)

    def table(self, key: str, columns: Sequence[str], rows: Sequence[Sequence[float | int | str]]) -> None:
        """Show a table in W&B, once a run, because it is slow; the run folder has it as ``units.csv``.

        Raises
        ------
        ValueError
            If ``key`` is not in `TABLES`, or was logged before.
        """
        if known(key, TABLES) in self._tables:
            raise ValueError(f"the table {key} was logged before; a table is logged once, at the end")
        self._tables.add(key)
        self._submit(lambda mirror: mirror.table(key, list(columns), [list(row) for row in rows]))

    def page(self, key: str, path: Path) -> None:
        """Show a page of the run folder in W&B.

        Raises
        ------
        ValueError
            If ``key`` is not in `PAGES`.
        """
        known(key, PAGES)
        self._submit(lambda mirror: mirror.page(key, path))

    def summary(self, values: Mapping[str, SupportsFloat]) -> None:
        """Record final figures, by their keys in `LOGGED`, in ``summary.json`` and W&B."""
        numbers = {_known_number(key): _number(value) for key, value in values.items()}
        finite = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        try:
            write_json_atomic(self._folder.summary_path, finite)
        except OSError as error:
            self._note(f"summary.json could not be written: {one_line(error)}")
        self._submit(lambda mirror: mirror.run.summary.update(numbers))

    @property
    def takes_artifacts(self) -> bool:
        """Whether `artifact` does anything: online, or offline if it was asked for."""
        return self.mode.mode == "online" or (self.mode.mode == "offline" and self._log_artifact)

    def artifact(self, path: Path, aliases: Sequence[str] = ("latest",)) -> None:
        """Log a file of weights as W&B artifact ``model-<run id>``; offline only if that was asked for."""
        if self.takes_artifacts:
            self._submit(lambda mirror: mirror.artifact(f"model-{self.run_id}", path, list(aliases)))

    def finish(self, timeout: float = FINISH_TIMEOUT) -> list[str]:
        """Close everything, within ``timeout`` seconds or little more, and say where it is.

        Returns
        -------
        list of str
            Lines to print.
        """
        n_lost = self._metrics.n_waiting
        self._metrics.close()
        n_lost = min(n_lost, self._metrics.n_waiting)
        folder = self._folder
        lines = [f"Run folder: {folder.path}", f"Metrics:    {folder.metrics_path}", f"Pictures:   {folder.gallery}"]
        if n_lost:
            lines.append(f"The disk did not take the last {n_lost} rows of {folder.metrics_path}.")
        if self._mirror is not None:
            self._mirror.finish(timeout)
            self._hear(self._mirror)
            lines += self._mirror.closing_lines()
            self._mirror = None
        elif self._wanted:
            lines.append(_missed(self._n_unmirrored))
        return lines

    def close(self) -> None:
        """Close ``metrics.jsonl``, as `finish` does too: for a run that an error ended before it got there."""
        self._metrics.close()

    def _write(self, row: Mapping[str, float]) -> None:
        try:
            self._metrics.append(row)
            self._disk_failed = False
        except OSError as error:
            if not self._disk_failed:
                self._note(f"metrics.jsonl cannot be written, rows wait in memory: {one_line(error)}")
            self._disk_failed = True

    def _draw(self, key: str, figure: Figure) -> bytes | None:
        """Save a figure in the run folder and the gallery; its PNG, or None if it cannot be drawn."""
        try:
            drawn = {suffix: _rendered(figure, suffix) for suffix in self._formats}
        except Exception as error:  # a picture that fails must not cost the hours of training behind it
            self._note(f"the figure {key} could not be drawn: {type(error).__name__}: {one_line(error)}")
            return None
        for place in (self._folder.figures, self._folder.gallery):
            for suffix, content in drawn.items():
                file = (place / FIGURES[key].file).with_suffix(f".{suffix}")
                try:
                    place.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                except OSError as error:
                    self._note(f"the figure {file} could not be saved: {one_line(error)}")
        return drawn["png"]

    def _submit(self, call: Callable[[_Mirror], object]) -> None:
        if self._mirror is not None:
            self._mirror.submit(functools.partial(call, self._mirror))
            self._hear(self._mirror)
        else:
            self._n_unmirrored += 1

    def _hear(self, mirror: _Mirror) -> None:
        """Pass on, once and in the caller's thread, that mirroring failed."""
        if mirror.trouble is not None:
            self._note(f"W&B does not take everything, training goes on: {mirror.trouble}")
            mirror.trouble = None


def _missed(n_calls: int) -> str:
    return f"W&B missed {n_calls} calls; metrics.jsonl and the figures here are complete."


def _rendered(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the content of a file; without versions and dates, the same picture is the same file."""
    buffer = io.BytesIO()
    unmarked = {"png": {"Software": None}, "pdf": {"CreationDate": None}}
    figure.savefig(buffer, format=suffix, dpi=DPI, metadata=unmarked[suffix])
    return buffer.getvalue()


def _number(value: SupportsFloat) -> float | int:
    return value if type(value) is int else float(value)


class _Mirror:
    """A W&B run whose calls are made, in order, by a thread of its own.

    Attributes
    ----------
    run
        The W&B run.
    trouble : str or None
        The first thing that went wrong, until it is fetched.
    n_missed : int
        Calls that W&B did not take.
    """

    def __init__(self, root: Path, mode: str, filing: dict[str, Any], resumed: bool) -> None:
        import wandb

        self._wandb: Any = wandb
        self._root = root
        self._mode = mode
        self._id = filing["id"]
        self._restore = ExitStack()
        # Runs side by side share no cache, and the home folder stays as it was.
        cache, data = (f"{kind}-{self._id}" for kind in ("cache", "data"))
        private = {"WANDB_SILENT": "true", "WANDB_CACHE_DIR": cache, "WANDB_DATA_DIR": data}
        values = {name: v if v == "true" else str((root / "wandb" / v).resolve()) for name, v in private.items()}
        self._restore.enter_context(_environment(values))
        try:
            # Offline W&B ignores resume and warns; `wandb sync` joins the parts by their id.
            resume = "allow" if resumed and mode == "online" else None
            self.run: Any = self._wandb.init(dir=root, mode=mode, resume=resume, settings=_settings(wandb), **filing)
        except BaseException:
            # The service still holds the id of a run that failed to start.
            with suppress(Exception, SystemExit):
                wandb.teardown()
            self._restore.close()
            raise
        self.trouble: str | None = None
        self.n_missed = 0
        self._troubled = False
        self._hung = False
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="wandb-mirror", daemon=True)
        self._thread.start()
        self.submit(self._define)

    def _define(self) -> None:
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")
        # The summary of each stays one number, the last: an object of several cannot be sorted or swept by.
        for key in LOGGED:
            if at_a_moment(key) and has_panel(key):
                continue  # a run tells errors at moments of its own: each is like all others
            self.run.define_metric(key, step_metric="step", hidden=not has_panel(key))

    def submit(self, call: Callable[[], object]) -> None:
        """Queue a call; a queue that is full, because W&B hangs, loses it."""
        if self._queue.qsize() >= MAX_WAITING:
            self._miss(f"it is {MAX_WAITING} calls behind")
        else:
            self._queue.put(call)

    def _miss(self, reason: str) -> None:
        self.n_missed += 1
        if not self._troubled:
            self._troubled = True
            self.trouble = reason

    def _work(self) -> None:
        service = _service(self._wandb)
        while (call := self._queue.get()) is not None:
            if service is not None and service.poll() is not None:
                # Calls to a dead service vanish without an error.
                self._miss("its service process has ended")
                continue
            try:
                call()
            except Exception as error:
                self._miss(one_line(error))
        try:
            self.run.finish()
        except (Exception, SystemExit) as error:
            self._miss(one_line(error))
        if self._troubled or self._hung:
            # Otherwise W&B does this at the interpreter's exit, with a traceback or without an end.
            with suppress(Exception, SystemExit):
                self._wandb.teardown()

    def log(self, step: int, numbers: Mapping[str, float], images: Mapping[str, tuple[bytes, str]]) -> None:
        """Send one row; images are PNG bytes with a caption."""
        from PIL import Image  # matplotlib's own dependency

        pictures = {
            key: self._wandb.Image(Image.open(io.BytesIO(png)), caption=caption)
            for key, (png, caption) in images.items()
        }
        self.run.log({"step": step, **numbers, **pictures})

    def table(self, key: str, columns: list[str], rows: list[list[float | int | str]]) -> None:
        """Send a table."""
        self.run.log({key: self._wandb.Table(columns=columns, data=rows)})

    def page(self, key: str, path: Path) -> None:
        """Send a page as it is; W&B would otherwise put a link to a style sheet of its own into it."""
        self.run.log({key: self._wandb.Html(str(path), inject=False)})

    def artifact(self, name: str, path: Path, aliases: list[str]) -> None:
        """Send a file of weights."""
        artifact = self._wandb.Artifact(name, type="model")
        artifact.add_file(str(path))
        self.run.log_artifact(artifact, aliases=aliases)

    def finish(self, timeout: float) -> None:
        """Wait for the queue and for W&B; a service that does not answer in time is ended."""
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._hung = True
            self._miss(f"it did not finish within {timeout:g} s")
            service = _service(self._wandb)
            if service is not None:
                with suppress(OSError):
                    service.kill()
            self._thread.join(5)
            if self._thread.is_alive():
                self.n_missed += self._queue.qsize()
        self._restore.close()

    def closing_lines(self) -> list[str]:
        """Say where the W&B run is, and what is missing in it."""
        here = shlex.quote(str(Path(self.run.dir).parent))
        if self._mode == "online":
            lines = [f"W&B:        {self.run.url}"]
        else:
            parts = sorted((self._root / "wandb").glob(f"offline-run-*-{self._id}*"))
            lines = ["Send it to W&B:      wandb sync " + " ".join(shlex.quote(str(part)) for part in parts)]
        lines.append(f"See it in a terminal: wandb leet {here}")
        if self.n_missed:
            lines.append(_missed(self.n_missed))
        return lines


def _settings(wandb: ModuleType) -> Any:
    """Make a W&B run quiet, soon to give up, and flushed often, with those of the settings that this version knows."""
    wanted = {
        "init_timeout": INIT_TIMEOUT,
        "console": "off",
        "silent": True,
        "quiet": True,
        "save_code": False,
        "x_transaction_log_flush_interval": 2,
    }
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in wandb.Settings.model_fields})


def _service(wandb: ModuleType) -> Any:
    """W&B's service process (a `subprocess.Popen`), or None; there is no public way to ask whether it lives."""
    with suppress(Exception):
        return wandb.setup()._connection._proc._process
    return None


def _known_number(key: str) -> str:
    return key if meaning(key) else known(key, LOGGED)
