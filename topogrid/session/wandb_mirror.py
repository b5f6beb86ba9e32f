"""A Weights & Biases run whose calls wait in a queue of their own thread: nothing it does reaches the training loop."""

from __future__ import annotations

import functools
import io
import queue
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from topogrid.files import one_line
from topogrid.measures import at_a_moment, has_panel
from topogrid.session.wandb_mode import environment

INIT_TIMEOUT = 20  # seconds that a run waits for W&B before it starts
MAX_WAITING = 1000  # calls in the queue; a service that hangs must not fill the memory


class Mirror:
    """A W&B run whose calls are made, in order, by a thread of its own.

    Parameters
    ----------
    root : Path
        Folder in which W&B makes its own.
    mode : {"online", "offline"}
    filing : dict
        Arguments of ``wandb.init``.
    resumed : bool
        Whether the run goes on from a checkpoint.
    names : iterable of str
        Every number that will be logged.

    Attributes
    ----------
    run
        The W&B run.
    trouble : str or None
        The first thing that went wrong, until it is fetched.
    n_missed : int
        Calls that W&B did not take.
    """

    def __init__(self, root: Path, mode: str, filing: dict[str, Any], resumed: bool, names: Iterable[str]) -> None:
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
        self._restore.enter_context(environment(values))
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
        self.submit(functools.partial(self._define, tuple(names)))

    def _define(self, names: tuple[str, ...]) -> None:
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")
        # The summary of each stays one number, the last: an object of several cannot be sorted or swept by.
        for key in names:
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
        service = service_of(self._wandb)
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
            service = service_of(self._wandb)
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
            lines.append(missed(self.n_missed))
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


def service_of(wandb: ModuleType) -> Any:
    """W&B's service process (a `subprocess.Popen`), or None; there is no public way to ask whether it lives."""
    with suppress(Exception):
        return wandb.setup()._connection._proc._process
    return None


def missed(n_calls: int) -> str:
    """Say how many calls W&B did not take."""
    return f"W&B missed {n_calls} calls; metrics.jsonl and the figures here are complete."
