"""What a run reports: ``metrics.jsonl`` and figures in its folder first, Weights & Biases as their mirror.

Nothing that W&B does, or fails to do, reaches the training loop: its calls wait in a queue of their own thread.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, SupportsFloat, TypeAlias

from matplotlib.figure import Figure

from topogrid.figures import rendered
from topogrid.files import (
    check_writable,
    one_line,
    read_text,
    write_bytes_atomic,
    write_json_atomic,
    write_text_atomic,
)
from topogrid.measures import FIGURES, METRICS, PAGES, TABLES, known, meaning
from topogrid.runs.folder import RunFolder
from topogrid.runs.metrics_log import MetricsFile
from topogrid.session.log import tell
from topogrid.session.wandb_mirror import Mirror, missed
from topogrid.session.wandb_mode import Mode, choose_mode, is_run_id
from topogrid.training.objective import SUMS, TERMS, TOTAL

Rendered: TypeAlias = dict[str, bytes]  # a figure as the content of files, by suffix

FINISH_TIMEOUT = 60  # seconds that a run waits for W&B after it ended

LOGGED: dict[str, str] = {
    TOTAL: "Sum of all loss terms with their weights, nats where the place code is read.",
    **{term.name: term.about for term in TERMS},
    **{name: about for name, (about, _parts) in SUMS.items()},
    **METRICS,
}
"""Every number that is logged, and what it means; errors are also told at other moments, see `measures.meaning`."""


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
    ) -> None:
        self.mode = choose_mode(mode)
        self.notes: list[str] = []
        self._folder = folder
        self._log_artifact = log_artifact
        self._formats = tuple(dict.fromkeys(("png", figure_format)))
        self._tables: set[str] = set()
        self._metrics = MetricsFile(folder.metrics_path)
        self._disk_failed = False
        self.run_id = self._stable_id(run_id)
        self._mirror: Mirror | None = None
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
        tell(f"W&B: {self.mode.mode} ({self.mode.reason}).")

    def _stable_id(self, run_id: str | None) -> str:
        path = self._folder.path / "wandb_id.txt"
        stored = ""
        with suppress(OSError, ValueError):
            stored = read_text(path).strip()
        # A sweep agent chooses the id of the run it starts. An id becomes part of a path: nothing else is one.
        candidates = (run_id, stored, os.environ.get("WANDB_RUN_ID"), secrets.token_hex(4))
        chosen = str(next(filter(is_run_id, candidates)))
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
                self._mirror = Mirror(root, attempt, dict(filing), resumed, LOGGED)
            except Exception as error:
                self._fall_back(fallback, f"{attempt} failed: {one_line(error)}")
            else:
                return

    def _fall_back(self, mode: str, reason: str) -> None:
        self.mode = Mode(mode, reason)
        self._note(f"W&B is {mode}: {reason}")

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)
        tell(sentence)

    def log(
        self,
        step: int,
        row: Mapping[str, SupportsFloat] | None = None,
        figures: Mapping[str, Figure | Rendered] | None = None,
        captions: Mapping[str, str] | None = None,
    ) -> None:
        """Record what belongs to one step, as one row here and one in W&B.

        Parameters
        ----------
        step : int
        row : mapping
            Numbers by their keys in `LOGGED`.
        figures : mapping
            Figures, or what `rendered` made of them, by their keys in `FIGURES`; the newest of
            each stays in the run folder, with a copy in the gallery.
        captions : mapping
            Captions that say more than those of `FIGURES`.

        Raises
        ------
        ValueError
            If a key is not described in this module.
        """
        numbers = {_known_number(key): _number(value) for key, value in (row or {}).items()}
        drawn = {known(key, FIGURES): self._pictured(key, figure) for key, figure in (figures or {}).items()}
        if numbers:
            self._write({"step": step, "time": round(time.time(), 3), **numbers})
        texts = {key: entry.caption for key, entry in FIGURES.items()} | dict(captions or {})
        images = {key: (files["png"], texts[key]) for key, files in drawn.items() if files}
        self._submit(lambda mirror: mirror.log(step, numbers, images))

    def rendered(self, figures: Mapping[str, Figure]) -> dict[str, Figure | Rendered]:
        """Draw figures, which takes long, and record nothing yet; see `log`."""
        return {key: self._draw(key, figure) for key, figure in figures.items()}

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

    def summary(self, values: Mapping[str, SupportsFloat], analysis: Mapping[str, Any] | None = None) -> None:
        """Record final figures, by their keys in `LOGGED`, in ``summary.json`` and W&B.

        ``analysis`` says how they were taken and what they mean; it stands in the file alone.
        """
        numbers = {_known_number(key): _number(value) for key, value in values.items()}
        try:
            write_json_atomic(
                self._folder.summary_path, numbers | ({} if analysis is None else {"analysis": dict(analysis)})
            )
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
        lines = [f"Run folder: {folder.path}", f"Metrics:    {folder.metrics_path}"]
        with suppress(OSError):
            folder.gallery.rmdir()  # empty, after a run that was stopped before its first picture
        if folder.gallery.is_dir():
            lines.append(f"Pictures:   {folder.gallery}")
        if n_lost:
            lines.append(f"The disk did not take the last {n_lost} rows of {folder.metrics_path}.")
        if self._mirror is not None:
            self._mirror.finish(timeout)
            self._hear(self._mirror)
            lines += self._mirror.closing_lines()
            self._mirror = None
        elif self._wanted:
            lines.append(missed(self._n_unmirrored))
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

    def _draw(self, key: str, figure: Figure) -> Rendered:
        """Return a figure as the content of files, by suffix; of none if it cannot be drawn."""
        try:
            return {suffix: rendered(figure, suffix) for suffix in self._formats}
        except Exception as error:  # a picture that fails must not cost the hours of training behind it
            self._note(f"the figure {key} could not be drawn: {type(error).__name__}: {one_line(error)}")
            return {}

    def _pictured(self, key: str, figure: Figure | Rendered) -> Rendered:
        """Save a figure in the run folder and the gallery; return the content of its files, by suffix."""
        files = self._draw(key, figure) if isinstance(figure, Figure) else figure
        for place in (self._folder.figures, self._folder.gallery):
            for suffix, content in files.items():
                file = (place / FIGURES[key].file).with_suffix(f".{suffix}")
                try:
                    place.mkdir(parents=True, exist_ok=True)
                    write_bytes_atomic(file, content)
                except OSError as error:
                    self._note(f"the figure {file} could not be saved: {one_line(error)}")
        return files

    def _submit(self, call: Callable[[Mirror], object]) -> None:
        if self._mirror is not None:
            self._mirror.submit(functools.partial(call, self._mirror))
            self._hear(self._mirror)
        else:
            self._n_unmirrored += 1

    def _hear(self, mirror: Mirror) -> None:
        """Pass on, once and in the caller's thread, that mirroring failed."""
        if mirror.trouble is not None:
            self._note(f"W&B does not take everything, training goes on: {mirror.trouble}")
            mirror.trouble = None


def _number(value: SupportsFloat) -> float | int:
    return value if type(value) is int else float(value)


def _known_number(key: str) -> str:
    return key if meaning(key) else known(key, LOGGED)
