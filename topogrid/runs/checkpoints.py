"""Checkpoints: saved whole or not at all, told from damaged ones by a digest, read without running code."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
import re
import stat
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch

from topogrid.files import one_line, open_regular, put_in_place, read_bytes, read_json, write_beside
from topogrid.measures.training import STEPS_DONE
from topogrid.runs.errors import CheckpointError, CorruptCheckpointError, NoCheckpointError
from topogrid.runs.folder import RunFolder
from topogrid.runs.resume import newest_run
from topogrid.runs.steps import by_step, step_of

_DIGEST = re.compile(rb"[0-9a-fA-F]{64}(?=\s|$)")
_LARGEST_DIGEST = 4096  # bytes


class _HashingWriter:
    """A file to write to that knows the digest of what it was *given*, whatever the disk makes of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def save_checkpoint(
    folder: RunFolder, state: Mapping[str, Any], step: int, *, keep: int | None = 3, protect: Collection[int] = ()
) -> Path:
    """Save ``state`` as ``checkpoints/step_00005000.pt``, all of it or nothing, and drop old checkpoints.

    Parameters
    ----------
    folder : RunFolder
    state : mapping
        Tensors, numbers, strings, None, and dicts, lists and tuples of these: what is read back without running code.
    step : int
        Training step the state was taken after.
    keep : int or None
        How many of the newest checkpoints stay, at least 1; None keeps all. The one just saved always stays.
    protect : collection of int
        Steps that stay too, such as the best one.

    Returns
    -------
    Path
        The checkpoint; its SHA-256 digest lies beside it, readable by ``sha256sum -c``.

    Raises
    ------
    CheckpointError
        If the disk does not take it. The checkpoints there were are untouched.
    TypeError
        If ``state`` holds something that could not be loaded again.
    ValueError
        If ``keep`` is below 1.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"at least 1 checkpoint has to be kept, got keep={keep}")
    path = folder.checkpoints / f"step_{step:08d}.pt"
    with suppress(OSError):  # save_state says what is wrong
        folder.checkpoints.mkdir(exist_ok=True)
    _remove_leftovers(folder.checkpoints)
    save_state(path, state)
    _retain(folder.checkpoints, path, keep, protect)
    return path


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Save tensors and plain values with a digest beside them, all of it or nothing.

    Raises
    ------
    CheckpointError, TypeError
        As `save_checkpoint`.
    """
    state = dict(state)
    _check_loadable(state, "state")
    digests: list[str] = []

    def write(file: IO[bytes]) -> None:
        writer = _HashingWriter(file)
        torch.save(state, writer)  # type: ignore[arg-type]
        digests.append(writer.hexdigest)

    try:
        temporary = write_beside(path, write)
        _put_with_digest(temporary, path, digests[0])
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise CheckpointError(f"checkpoint {path} could not be saved: {one_line(error)}") from error


def _put_with_digest(temporary: Path, path: Path, digest: str) -> None:
    """Put both files in place; whenever this stops, the checkpoint has its own digest or none, never another's."""
    digest_path = _digest_path(path)
    try:
        digest_temporary = write_beside(digest_path, lambda file: file.write(f"{digest}  {path.name}\n".encode()))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    try:
        digest_path.unlink(missing_ok=True)
        put_in_place(temporary, path)
        put_in_place(digest_temporary, digest_path)
    finally:
        temporary.unlink(missing_ok=True)
        digest_temporary.unlink(missing_ok=True)


def _check_loadable(value: object, where: str) -> None:
    # Exact types: a NumPy float is a Python float too, and is refused on the way back.
    if type(value) in (bool, int, float, str, type(None)) or isinstance(value, torch.Tensor):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _check_loadable(key, f"a key of {where}")
            _check_loadable(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):  # type: ignore[arg-type]
            _check_loadable(item, f"{where}[{index}]")
    else:
        raise TypeError(f"a checkpoint holds tensors, numbers and strings, but {where} is {type(value).__name__}")


def _remove_leftovers(checkpoints: Path) -> None:
    """Remove temporary files of a process that was killed while it saved."""
    for leftover in checkpoints.glob(".step_*.tmp"):
        with suppress(OSError):
            leftover.unlink()


def _retain(checkpoints: Path, saved: Path, keep: int | None, protect: Collection[int]) -> None:
    if keep is None:
        return
    for step, path in by_step(checkpoints, ".pt")[keep:]:
        if path != saved and step not in protect:
            # A checkpoint too many does no harm, so this never stops training.
            with suppress(OSError):
                path.unlink()
                _digest_path(path).unlink(missing_ok=True)


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without running any code that may be in it.

    The file is compared with its digest; in one without a digest (copied alone, or made elsewhere), or with one that
    cannot be read, the checksums inside the archive are compared, which PyTorch itself does not do.

    Raises
    ------
    NoCheckpointError
        If there is no such file.
    CorruptCheckpointError
        If it is empty, cut off, changed or no checkpoint at all.
    CheckpointError
        If it cannot be read, or holds something other than tensors and plain values.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NoCheckpointError(f"{path} is no regular file, so no checkpoint")
        verified = _verify(path)
    except FileNotFoundError as error:
        raise NoCheckpointError(f"there is no checkpoint file {path}") from error
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {one_line(error)}") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {one_line(error)}") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is refused: it holds objects other than tensors and plain values, and could run code"
        ) from error
    except Exception as error:  # torch raises a dozen kinds for an archive that is broken inside
        kind = CheckpointError if verified else CorruptCheckpointError
        raise kind(f"{path} is not a checkpoint that can be read: {one_line(error)}") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, not the dict of a checkpoint")
    return state


def _verify(path: Path) -> bool:
    """Compare a file with its digest, or else with the checksums in it; True if there was a digest."""
    size = path.stat().st_size
    if size == 0:
        raise CorruptCheckpointError(f"{path} is empty")
    digest = _saved_digest(path)
    if digest is not None:
        with open_regular(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        if digest != found:
            raise CorruptCheckpointError(f"{path} is not what was saved: its SHA-256 digest differs")
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            # PyTorch stores its data as they are. Packed ones could unfold to more than any memory.
            if sum(entry.file_size for entry in archive.infolist()) > size:
                raise CheckpointError(
                    f"{path} is refused: it holds packed data that would unfold to more than its size"
                )
            broken = None if digest is not None else archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise CorruptCheckpointError(f"{path} is cut off or is no checkpoint: {one_line(error)}") from error
    if broken is not None:
        raise CorruptCheckpointError(f"{path} is damaged: the checksum of {broken} in it differs")
    return digest is not None


def _saved_digest(path: Path) -> str | None:
    """Return the digest beside a checkpoint; ``None`` where there is none, or what is there is no digest."""
    # A torn digest file says nothing about the checkpoint beside it, which has checksums of its own.
    with suppress(OSError, ValueError):
        match = _DIGEST.match(read_bytes(_digest_path(path), _LARGEST_DIGEST))
        return match[0].decode().lower() if match else None
    return None


class Resumable(NamedTuple):
    """A checkpoint that is good to go on from."""

    folder: RunFolder
    path: Path
    state: dict[str, Any]
    notes: list[str]


def find_checkpoint(
    resume: str | Path,
    save_dir: str | Path = "runs",
    gallery_root: str | Path = "tau_imgs",
    *,
    set_aside: bool = True,
) -> Resumable:
    """Newest good checkpoint of a run.

    Parameters
    ----------
    resume : str or Path
        The folder of a run, one checkpoint in it (later ones are not looked at), or ``auto``: the run in ``save_dir``
        that saved last.
    save_dir : str or Path
        Where ``auto`` looks.
    gallery_root : str or Path
        See `RunFolder.open`.
    set_aside : bool
        Rename a corrupt checkpoint ``*.corrupt``; whoever only reads leaves it where it is.

    Returns
    -------
    Resumable
        ``notes`` says, one sentence each, what was passed over.

    Raises
    ------
    CheckpointError
        If there is none; `NoCheckpointError` if there never was one.
    """
    chosen = newest_run(Path(save_dir)) if str(resume) == "auto" else Path(resume)
    if chosen is None:
        raise NoCheckpointError(f"nothing to resume: no run in {save_dir} has a checkpoint")
    named = step_of(chosen) if chosen.is_file() else None
    path = chosen.parent.parent if chosen.is_file() else chosen
    try:
        folder = RunFolder.open(path, gallery_root)
    except ValueError as error:
        raise NoCheckpointError(f"nothing to resume: {error}") from error
    if chosen.is_file() and (named is None or chosen.suffix != ".pt"):
        raise NoCheckpointError(f"nothing to resume: {chosen} is not named like step_00005000.pt")
    limit = math.inf if named is None else named
    notes: list[str] = []
    for step, candidate in by_step(folder.checkpoints, ".pt"):
        if step > limit:
            continue
        try:
            return Resumable(folder, candidate, load_checkpoint(candidate), notes)
        except CorruptCheckpointError as error:
            notes.append(f"{error}; {_set_aside(candidate, '.corrupt')}" if set_aside else f"{error}; passed over")
        except CheckpointError as error:
            notes.append(f"{error}; passed over")
    if notes:
        raise CheckpointError(f"no good checkpoint in {folder.checkpoints}: {'; '.join(notes)}")
    raise NoCheckpointError(f"nothing to resume: {folder.checkpoints} holds no checkpoint")


def never_saved(folder: RunFolder) -> bool:
    """Whether a run was stopped before it saved anything, so that nothing is lost by beginning it again."""
    # What was renamed or is half written shows that there was something.
    return not any(path for path in folder.checkpoints.glob("*") if not path.name.startswith("."))


def check_nothing_is_lost(folder: RunFolder) -> None:
    """Refuse to begin a run again that has no checkpoint, but has been summed up.

    Raises
    ------
    CheckpointError
        If ``summary.json`` is of a step after the start.
    """
    step = _summed_up(folder.summary_path)
    if step > 0:
        raise CheckpointError(
            f"{folder.path} has results of step {step:,} and no checkpoint to go on from: put its checkpoints back, or "
            "give another --name to begin again"
        )


def set_aside_later(folder: RunFolder, step: int) -> list[str]:
    """Rename what is of steps after ``step`` ``*.superseded``: a run resumed from before them goes another way.

    Evaluations and what was summed up of them first, checkpoints last, so that a run that is stopped in between has
    less to show, and nothing wrong.

    Returns
    -------
    list of str
        One sentence for each checkpoint, and one for the rest.
    """
    later = [one.path for one in by_step(folder.checkpoints, ".pt") if one.step > step]
    results = [one.path for one in by_step(folder.evaluation, ".npz") if one.step > step]
    summed_up = [folder.summary_path] if _summed_up(folder.summary_path) > step else []
    if results or summed_up:
        summed_up.append(folder.units_csv)
    if later or summed_up:
        summed_up.append(folder.report)
    results += [path for path in summed_up if path.exists()]
    for table in [*folder.path.glob("follow_*.json"), *(folder.path / "interventions").glob("*.json")]:
        if _summed_up(table) > step:
            stem = table.name.removesuffix(".json")
            beside = (table.with_name(stem + suffix) for suffix in (".json", ".csv", ".md", ".png", ".npz"))
            results += [path for path in beside if path.exists()]
    for path in results:
        _set_aside(path, ".superseded")
    said = [f"{', '.join(path.name for path in results)}: of later steps, renamed *.superseded"] if results else []
    return said + [f"{path} is after step {step}; {_set_aside(path, '.superseded')}" for path in later]


def _summed_up(path: Path) -> int:
    """Return the step that a JSON file of results is of; -1 if it does not say."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return -1
    if not isinstance(found, dict):
        return -1
    analysis = found.get("analysis")
    steps = (
        found.get("step"),
        found.get(STEPS_DONE.key),
        analysis.get("step") if isinstance(analysis, dict) else 0,
    )
    return max((step for step in steps if type(step) is int), default=-1)


def _set_aside(path: Path, suffix: str) -> str:
    """Rename a checkpoint and its digest, without losing one that was renamed before; say what was done."""
    target = path.with_name(path.name + suffix)
    count = 2
    while os.path.lexists(target):
        target = path.with_name(f"{path.name}{suffix}-{count}")
        count += 1
    try:
        path.rename(target)
        _digest_path(path).unlink(missing_ok=True)
    except OSError as error:
        return f"it could not be renamed ({error.strerror})"
    return f"renamed {target.name}"
