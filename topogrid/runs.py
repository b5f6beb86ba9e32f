"""What makes a run repeatable: its folder, checkpoints, random generators and the versions it was made with."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import pickle
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from topogrid.config import TrainConfig
    from topogrid.network import PathIntegrator
    from topogrid.place_cells import PlaceCells

CHECKPOINT_NAME = re.compile(r"step_(\d+)\.pt")
PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "wandb")


class CheckpointError(Exception):
    """A checkpoint could not be saved, found or read; the message is one sentence for a person."""


class CorruptCheckpointError(CheckpointError):
    """The content of a checkpoint file is not what was saved."""


class NoCheckpointError(CheckpointError):
    """There is nothing to resume from."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of everything that one run leaves behind.

    Parameters
    ----------
    path : Path
        The run's own folder, ``<save_dir>/<name>``.
    gallery : Path
        Where the pictures go that a person opens first, ``tau_imgs/<name>``.
    """

    path: Path
    gallery: Path

    @classmethod
    def create(cls, save_dir: str | Path, name: str, gallery_root: str | Path = "tau_imgs") -> RunFolder:
        """Make a new run folder; one that exists, or whose gallery does, is left alone: ``-2``, ``-3`` ... is added.

        Raises
        ------
        ValueError
            If ``name`` holds nothing that can name a folder.
        OSError
            If a folder cannot be made.
        """
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:120]
        if not stem:
            raise ValueError(f"a run name needs a letter or a digit, got {name!r}; try --name first-run")
        for count in range(1, 100_000):
            numbered = stem if count == 1 else f"{stem}-{count}"
            folder = cls(Path(save_dir) / numbered, Path(gallery_root) / numbered)
            if folder._claim():
                return folder
        raise OSError(f"no free name like {stem!r} in {save_dir}; choose another --name or --save_dir")

    def _claim(self) -> bool:
        """Make both folders, or neither; mkdir is atomic, so of two runs that start together only one gets a name."""
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            if not self.path.parent.is_dir():
                raise
            return False
        try:
            self.gallery.mkdir(parents=True)
        except OSError as error:
            self.path.rmdir()
            if isinstance(error, FileExistsError) and self.gallery.parent.is_dir():
                return False
            raise
        for inside in (self.checkpoints, self.evaluation, self.figures):
            inside.mkdir()
        return True

    @classmethod
    def open(cls, path: str | Path, gallery_root: str | Path = "tau_imgs") -> RunFolder:
        """Open a run that exists.

        Raises
        ------
        ValueError
            If ``path`` is not the folder of a run.
        """
        folder = cls(Path(path), Path(gallery_root) / Path(path).resolve().name)
        if not folder.config_path.is_file():
            raise ValueError(f"{path} is not a run: it has no config.json; give a folder like runs/<name>")
        return folder

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.path.resolve().name

    @property
    def config_path(self) -> Path:
        """All settings, resolved."""
        return self.path / "config.json"

    @property
    def versions_path(self) -> Path:
        """What `versions` returned when the run started."""
        return self.path / "versions.json"

    @property
    def metrics_path(self) -> Path:
        """One JSON object a line, one line a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def summary_path(self) -> Path:
        """Final figures of the run."""
        return self.path / "summary.json"

    @property
    def log_path(self) -> Path:
        """What was printed."""
        return self.path / "log.txt"

    @property
    def units_csv(self) -> Path:
        """One row a unit."""
        return self.path / "units.csv"

    @property
    def checkpoints(self) -> Path:
        """Folder of ``step_00005000.pt`` and its digest ``step_00005000.pt.sha256``."""
        return self.path / "checkpoints"

    @property
    def evaluation(self) -> Path:
        """Folder of ``step_00005000.npz``: rate maps and scores."""
        return self.path / "evaluation"

    @property
    def figures(self) -> Path:
        """Folder of the newest version of each figure."""
        return self.path / "figures"

    @property
    def report(self) -> Path:
        """The sheet explorer, one page."""
        return self.path / "report.html"

    @property
    def wandb(self) -> Path:
        """Folder of the W&B mirror."""
        return self.path / "wandb"


def default_name(mode: str, n_units: int, seed: int, when: datetime.datetime) -> str:
    """Name of a run that was given none, such as ``tau-576-seed1-20250131-1542``."""
    return f"{mode}-{n_units}-seed{seed}-{when:%Y%m%d-%H%M}"


def check_writable(path: str | Path) -> None:
    """Make sure that a folder at ``path`` exists or can be made, and can be written; nothing is left behind.

    Raises
    ------
    ValueError
        If ``path``, or a part of it, is a file.
    OSError
        If the file system says no.
    """
    path = Path(path)
    try:
        nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    except OSError as error:
        raise OSError(f"cannot use the folder {path}: {error.strerror}; choose another one") from error
    if not nearest.is_dir():
        raise ValueError(f"cannot use {path} as a folder: {nearest} is a file; choose another one")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {nearest}: {error.strerror}; choose another folder for {path}") from error


# --- Files -----------------------------------------------------------------------------------------------------------


def write_json_atomic(path: Path, value: object) -> None:
    """Write ``value`` as JSON so that a reader finds either the old file or the whole new one."""
    write_text_atomic(path, json.dumps(value, indent=2) + "\n")


def write_text_atomic(path: Path, text: str) -> None:
    """Write ``text`` so that a reader finds either the old file or the whole new one."""
    _put(_write_beside(path, lambda file: file.write(text.encode())), path)


def _write_beside(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a temporary file beside ``path``, down to the disk; it is gone again if writing fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _put(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    # The new name is on the disk only once its folder is. Some file systems cannot sync a folder: nothing is lost then.
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class MetricsFile:
    """Rows appended to ``metrics.jsonl``, each on the disk's side before `append` returns.

    A full disk loses nothing: rows that could not be written wait in memory and go first next time, and a row written
    by half is taken back. A torn last line, left by a run that was killed, is removed when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self._length = self._file.read().rfind(b"\n") + 1
        self._file.truncate(self._length)
        self._waiting: list[bytes] = []

    @property
    def n_waiting(self) -> int:
        """Rows that the disk has not taken yet."""
        return len(self._waiting)

    def append(self, row: Mapping[str, float]) -> None:
        """Write a row; numbers that are not finite become null, which is what JSON has for them.

        Raises
        ------
        OSError
            If the disk does not take it; the row is kept for the next call.
        """
        finite = {key: value if math.isfinite(value) else None for key, value in row.items()}
        self._waiting.append(json.dumps(finite).encode() + b"\n")
        self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        while self._waiting:
            try:
                written = self._file.write(self._waiting[0])
                if written != len(self._waiting[0]):
                    raise OSError("the disk took half a row")
            except OSError:
                with suppress(OSError):
                    self._file.truncate(self._length)
                raise
            self._length += written
            del self._waiting[0]

    def close(self) -> None:
        """Try once more to write what waits, then close."""
        with suppress(OSError):
            self.flush()
        self._file.close()


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Read the rows of a ``metrics.jsonl``, null as NaN; a torn last line is left out, a missing file has no rows.

    Raises
    ------
    ValueError
        If any other line is not a JSON object.
    """
    path = Path(path)
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    rows = []
    for number, line in enumerate(lines[:-1], start=1):
        row = _parse_row(line)
        if row is None:
            raise ValueError(f"{path} line {number} is not a row of metrics: {line[:60]!r}; was the file edited?")
        rows.append(row)
    return rows


def truncate_metrics(path: str | Path, step: int) -> int:
    """Drop the rows after ``step`` (and lines that are no rows), so that a resumed run writes each step once.

    Rows of ``step`` itself stay: whatever belongs to a step has to be logged before its checkpoint is saved.

    Returns
    -------
    int
        Number of lines dropped.
    """
    path = Path(path)
    if not path.exists():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    rows = [_parse_row(line) if line.endswith(b"\n") else None for line in lines]
    kept = [line for line, row in zip(lines, rows, strict=True) if row is not None and row.get("step", 0) <= step]
    if len(kept) < len(lines):
        _put(_write_beside(path, lambda file: file.writelines(kept)), path)
    return len(lines) - len(kept)


def _parse_row(line: bytes) -> dict[str, float] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    return {key: math.nan if value is None else value for key, value in row.items()}


# --- Checkpoints -----------------------------------------------------------------------------------------------------


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
    state = dict(state)
    _check_loadable(state, "state")
    path = folder.checkpoints / f"step_{step:08d}.pt"
    digests: list[str] = []

    def write(file: IO[bytes]) -> None:
        writer = _HashingWriter(file)
        torch.save(state, writer)  # type: ignore[arg-type]
        digests.append(writer.hexdigest)

    try:
        folder.checkpoints.mkdir(exist_ok=True)
        _remove_leftovers(folder.checkpoints)
        temporary = _write_beside(path, write)
        _put_with_digest(temporary, path, digests[0])
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise CheckpointError(f"checkpoint {path} could not be saved: {_one_line(error)}") from error
    _retain(folder.checkpoints, path, keep, protect)
    return path


def save_weights(folder: RunFolder, network: PathIntegrator, place_cells: PlaceCells) -> Path:
    """Write what is needed to use a trained network, and nothing to train it on: ``weights.pt`` in the run folder.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    path = folder.path / "weights.pt"
    weights = {"network": network.state_dict(), "place_centres": place_cells.centres}
    _put(_write_beside(path, lambda file: torch.save(weights, file)), path)
    return path


def _put_with_digest(temporary: Path, path: Path, digest: str) -> None:
    """Put both files in place; whenever this stops, the checkpoint has its own digest or none, never another's."""
    digest_path = _digest_path(path)
    try:
        digest_temporary = _write_beside(digest_path, lambda file: file.write(f"{digest}  {path.name}\n".encode()))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    try:
        digest_path.unlink(missing_ok=True)
        _put(temporary, path)
        _put(digest_temporary, digest_path)
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
    for step, path in _by_age(checkpoints)[keep:]:
        if path != saved and step not in protect:
            # A checkpoint too many does no harm, so this never stops training.
            with suppress(OSError):
                path.unlink()
                _digest_path(path).unlink(missing_ok=True)


def _by_age(checkpoints: Path) -> list[tuple[int, Path]]:
    """List steps and paths, newest step first."""
    found = [(match, path) for path in checkpoints.glob("step_*.pt") if (match := CHECKPOINT_NAME.fullmatch(path.name))]
    return sorted(((int(match[1]), path) for match, path in found), reverse=True)


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _one_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without running any code that may be in it.

    The file is compared with its digest; in one without a digest (copied alone, or made elsewhere) the checksums inside
    the archive are compared, which PyTorch itself does not do.

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
    if not path.is_file():
        raise NoCheckpointError(f"there is no checkpoint file {path}")
    try:
        verified = _verify(path)
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {_one_line(error)}") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} could not be read: {_one_line(error)}") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is refused: it holds objects other than tensors and plain values, and could run code"
        ) from error
    except Exception as error:  # torch raises a dozen kinds for an archive that is broken inside
        kind = CheckpointError if verified else CorruptCheckpointError
        raise kind(f"{path} is not a checkpoint that can be read: {_one_line(error)}") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, not the dict of a checkpoint")
    return state


def _verify(path: Path) -> bool:
    """Compare a file with its digest, or else with the checksums in it; True if there was a digest."""
    if path.stat().st_size == 0:
        raise CorruptCheckpointError(f"{path} is empty")
    digest_path = _digest_path(path)
    if digest_path.is_file():
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if digest_path.read_text(errors="replace").split()[:1] != [found]:
            raise CorruptCheckpointError(f"{path} is not what was saved: its SHA-256 digest differs")
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise CorruptCheckpointError(f"{path} is cut off or is no checkpoint: {_one_line(error)}") from error
    if broken is not None:
        raise CorruptCheckpointError(f"{path} is damaged: the checksum of {broken} in it differs")
    return False


class Resumable(NamedTuple):
    """A checkpoint that is good to go on from."""

    folder: RunFolder
    path: Path
    state: dict[str, Any]
    notes: list[str]


def find_checkpoint(
    resume: str | Path, save_dir: str | Path = "runs", gallery_root: str | Path = "tau_imgs"
) -> Resumable:
    """Newest good checkpoint of a run.

    A corrupt checkpoint of a run is renamed ``*.corrupt``, and the one before it is used.

    Parameters
    ----------
    resume : str or Path
        The folder of a run, one checkpoint in it (later ones are not looked at), or ``auto``: the run in ``save_dir``
        that saved last.
    save_dir : str or Path
        Where ``auto`` looks.
    gallery_root : str or Path
        See `RunFolder.open`.

    Returns
    -------
    Resumable
        ``notes`` says, one sentence each, what was passed over.

    Raises
    ------
    CheckpointError
        If there is none; `NoCheckpointError` if there never was one.
    """
    chosen = _newest_run(Path(save_dir)) if str(resume) == "auto" else Path(resume)
    named = CHECKPOINT_NAME.fullmatch(chosen.name) if chosen.is_file() else None
    path = chosen.parent.parent if chosen.is_file() else chosen
    try:
        folder = RunFolder.open(path, gallery_root)
    except ValueError as error:
        raise NoCheckpointError(f"nothing to resume: {error}") from error
    if chosen.is_file() and named is None:
        raise NoCheckpointError(f"nothing to resume: {chosen} is not named like step_00005000.pt")
    limit = int(named[1]) if named else math.inf
    notes: list[str] = []
    for step, candidate in _by_age(folder.checkpoints):
        if step > limit:
            continue
        try:
            return Resumable(folder, candidate, load_checkpoint(candidate), notes)
        except CorruptCheckpointError as error:
            notes.append(f"{error}; {_set_aside(candidate, '.corrupt')}")
        except CheckpointError as error:
            notes.append(str(error))
    if notes:
        raise CheckpointError(f"no good checkpoint in {folder.checkpoints}: {'; '.join(notes)}")
    raise NoCheckpointError(f"nothing to resume: {folder.checkpoints} holds no checkpoint")


def _newest_run(save_dir: Path) -> Path:
    """Run with the newest checkpoint file."""
    newest = max(save_dir.glob("*/checkpoints/step_*.pt"), key=lambda path: path.stat().st_mtime_ns, default=None)
    if newest is None:
        raise NoCheckpointError(f"nothing to resume: no run in {save_dir} has a checkpoint")
    return newest.parent.parent


def set_aside_later(folder: RunFolder, step: int) -> list[str]:
    """Rename checkpoints after ``step`` ``*.superseded``: a run resumed from before them goes another way.

    Returns
    -------
    list of str
        One sentence for each.
    """
    later = [path for its_step, path in _by_age(folder.checkpoints) if its_step > step]
    return [f"{path} is after step {step}; {_set_aside(path, '.superseded')}" for path in later]


def _set_aside(path: Path, suffix: str) -> str:
    """Rename a checkpoint and its digest, without losing one that was renamed before; say what was done."""
    target = path.with_name(path.name + suffix)
    count = 2
    while target.exists():
        target = path.with_name(f"{path.name}{suffix}-{count}")
        count += 1
    try:
        path.rename(target)
        _digest_path(path).unlink(missing_ok=True)
    except OSError as error:
        return f"it could not be renamed ({error.strerror})"
    return f"renamed {target.name}"


class LoadedRun(NamedTuple):
    """A trained network with what belongs to it."""

    folder: RunFolder
    config: TrainConfig
    network: PathIntegrator
    place_cells: PlaceCells
    step: int


def load_run(path: str | Path, checkpoint: str | Path | None = None) -> LoadedRun:
    """Open a run with nothing but its folder.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    checkpoint : str or Path, optional
        The newest good one by default.

    Returns
    -------
    LoadedRun
        On the CPU, in single precision, ready to be evaluated.

    Raises
    ------
    ValueError
        If ``path`` is no run.
    CheckpointError
        If no checkpoint can be read, or it does not fit the settings.
    """
    # Imported here because the network's rooms lie beside this one: only opening a run needs them.
    from topogrid.config import TrainConfig
    from topogrid.network import PathIntegrator
    from topogrid.place_cells import PlaceCells

    folder = RunFolder.open(path)
    config = TrainConfig.from_json(folder.config_path)
    folder = RunFolder.open(path, config.gallery_dir)
    if checkpoint is None:
        checkpoint, state = find_checkpoint(path)[1:3]
    else:
        state = load_checkpoint(checkpoint)
    # Drawn only to have the shapes; every value is replaced.
    generator = torch.Generator().manual_seed(0)
    place_cells = PlaceCells.from_config(config, generator)
    network = PathIntegrator.from_config(config, generator=generator)
    try:
        network.load_state_dict(state["network"])
        place_cells.centres = state["place_centres"]
        step = int(state["step"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} does not fit {folder.config_path}: {_one_line(error)}") from error
    return LoadedRun(folder, config, network.eval(), place_cells, step)


# --- Randomness and versions -----------------------------------------------------------------------------------------


def make_generators(seed: int, device: torch.device | str, names: Iterable[str]) -> dict[str, torch.Generator]:
    """Independent random sources, one a purpose, all from one seed.

    A source depends on the seed and on its own name only, so that adding another moves no existing stream.

    Raises
    ------
    ValueError
        If the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"the seed must be 0 or more, got {seed}")
    generators = {}
    for name in names:
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        state = np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(1, np.uint64)
        generators[name] = torch.Generator(device).manual_seed(int(state[0]))
    return generators


def generator_states(generators: Mapping[str, torch.Generator]) -> dict[str, torch.Tensor]:
    """Copy where each generator stands, for a checkpoint."""
    return {name: generator.get_state() for name, generator in generators.items()}


def restore_generators(generators: Mapping[str, torch.Generator], states: Mapping[str, torch.Tensor]) -> None:
    """Put generators back to where they stood.

    Raises
    ------
    ValueError
        If the names differ, or a state belongs to another kind of device.
    """
    if generators.keys() != states.keys():
        raise ValueError(f"generators {sorted(generators)} are wanted, the checkpoint holds {sorted(states)}")
    for name, generator in generators.items():
        try:
            generator.set_state(states[name].cpu())
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"generator {name!r} on {generator.device} cannot take the saved state; resume on the device of the run"
            ) from error


def versions() -> dict[str, str]:
    """Versions of everything that can move a number, the machine's kind, the commit and the command line."""
    package = sys.modules[__package__ or "topogrid"]
    found = {
        "python": platform.python_version(),
        "topogrid": getattr(package, "__version__", "") or _version("topogrid"),
    }
    found |= {name: _version(name) for name in PACKAGES}
    found["platform"] = platform.platform()
    found["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    commit = _git_commit(Path(__file__).resolve().parent.parent)
    if commit:
        found["commit"] = commit
    found["command"] = " ".join(sys.argv)
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git_commit(source: Path) -> str:
    """Commit of a source checkout, ``+changes`` if files differ from it; empty if this is none."""
    git = shutil.which("git")
    # Only the package's own checkout: an environment may lie inside somebody else's.
    if git is None or not (source / ".git").exists():
        return ""

    def ask(*arguments: str) -> str:
        command = [git, "-C", str(source), *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()  # noqa: S603

    try:
        changed = ask("status", "--porcelain", "--untracked-files=no")
        return ask("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""
