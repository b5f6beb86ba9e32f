"""The folder of a run: its name, its paths, and the lock that keeps a second process out."""

from __future__ import annotations

import datetime
import errno
import os
import re
import socket
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from topogrid.files import check_own_folder, open_own, printable
from topogrid.runs.locking import lock

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class RunInUseError(OSError):
    """Another process works in the run folder; the message is one sentence for a person."""


class RunLock:
    """The right to write into a run folder, which one process has at a time.

    The lock is the kernel's (``flock`` on ``.lock``), not the file's: it ends with the process that holds it, however
    that ends, so nothing has to be cleaned up. Over NFS, Linux passes it to the server, which also frees it when the
    machine that held it is gone. On a file system without locks nothing is held, and `note` says so.

    Parameters
    ----------
    folder : Path
        The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.note = ""
        """Why there is no lock to be had here; empty where there is."""
        self._folder = folder
        self._close: weakref.finalize[[int], RunLock] | None = None

    @property
    def path(self) -> Path:
        """The locked file; it says who locked it last."""
        return self._folder / ".lock"

    def acquire(self) -> None:
        """Take the lock, at once or not at all.

        Raises
        ------
        RunInUseError
            If another process has it.
        OSError
            If the file cannot be opened.
        """
        descriptor = open_own(self.path)
        try:
            lock(descriptor)
            self._check_still_there(descriptor)
        except BlockingIOError:
            holder = printable(os.pread(descriptor, 200, 0).decode(errors="replace").strip())
            os.close(descriptor)
            raise self._in_use(holder) from None
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _NO_LOCKS:
                raise
            self.note = f"{self._folder} is on a file system without locks: let only one process train in it"
            return
        now = datetime.datetime.now(datetime.UTC)
        with suppress(OSError):  # a full disk: the lock holds, it only does not say whose it is
            if os.fstat(descriptor).st_nlink == 1:  # the other name of a file may be anywhere
                os.ftruncate(descriptor, 0)
                holder = f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC\n"
                os.pwrite(descriptor, holder.encode(), 0)
        self._close = weakref.finalize(self, os.close, descriptor)

    def release(self) -> None:
        """Let the next one in; does nothing where nothing is held."""
        if self._close is not None:
            self._close()
            self._close = None

    def _check_still_there(self, descriptor: int) -> None:
        """Refuse a lock on a file that was removed between being opened and being locked."""
        try:
            same = os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        except FileNotFoundError:
            same = False
        if not same:
            raise self._in_use("a process that just gave it up")

    def _in_use(self, holder: str) -> RunInUseError:
        return RunInUseError(
            f"{self._folder} is in use by {holder or 'another process'}; wait for it, stop it, or start a run under "
            "another --name"
        )


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
    lock: RunLock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Name the lock; `RunFolder.create` also takes it."""
        object.__setattr__(self, "lock", RunLock(self.path))

    @classmethod
    def create(
        cls, save_dir: str | Path, name: str, gallery_root: str | Path = "tau_imgs", *, only_this: bool = False
    ) -> RunFolder:
        """Make a new run folder and lock it; one that exists, or whose gallery does, is left alone: ``-2`` is added.

        A folder that holds nothing, as a process leaves it that was killed while it started, is taken over.

        Parameters
        ----------
        save_dir : str or Path
        name : str
        gallery_root : str or Path
        only_this : bool
            Take this very name, with an empty gallery that is there already, or none.

        Raises
        ------
        ValueError
            If ``name`` holds nothing that can name a folder, or, with ``only_this``, something is in its place.
        OSError
            If a folder cannot be made or locked.
        """
        stem = folder_name(name)
        if only_this:
            folder = cls(Path(save_dir) / stem, Path(gallery_root) / stem)
            if not folder._claim(only_this=True):
                folder._say_what_is_in_the_way()
            return folder
        for count in range(1, 100_000):
            numbered = stem if count == 1 else f"{stem}-{count}"
            folder = cls(Path(save_dir) / numbered, Path(gallery_root) / numbered)
            if folder._claim():
                return folder
        raise OSError(f"no free name like {stem!r} in {save_dir}; choose another --name or --save_dir")

    def _say_what_is_in_the_way(self) -> NoReturn:
        if self.is_unborn() or not os.path.lexists(self.path):
            what = f"{self.gallery} is there and is no empty folder, though its run is gone"
        else:
            what = f"{self.path} is there and is no run: it has no config.json"
        raise ValueError(f"{what}; move it away, or give another --name, so that no second run is begun beside it")

    def _claim(self, *, only_this: bool = False) -> bool:
        """Make both folders and lock the run, or do nothing; of processes that start together only one gets a name."""
        try:
            self.path.mkdir(parents=True)
            new = True
        except FileExistsError:
            if not self.path.parent.is_dir():
                raise
            new = False
            if not self.is_unborn():
                return False
        try:
            self.lock.acquire()
        except RunInUseError:
            if only_this:
                raise
            return False
        if not self.is_unborn() or not self._claim_gallery(may_exist=only_this or not new):
            self._give_up(remove=new)
            return False
        for inside in (self.checkpoints, self.evaluation, self.figures):
            inside.mkdir(exist_ok=True)
        return True

    def is_unborn(self) -> bool:
        """Whether this is what a process leaves that was killed before it wrote its settings: no file but the lock."""
        if self.path.is_symlink() or not self.path.is_dir():
            return False
        ours = {self.checkpoints, self.evaluation, self.figures}
        return all(
            (inside == self.lock.path and not inside.is_symlink() and inside.is_file())
            or (inside in ours and not inside.is_symlink() and inside.is_dir() and not any(inside.iterdir()))
            for inside in self.path.iterdir()
        )

    def _claim_gallery(self, *, may_exist: bool) -> bool:
        try:
            self.gallery.mkdir(parents=True)
        except OSError as error:
            if isinstance(error, FileExistsError) and self.gallery.parent.is_dir():
                is_folder = self.gallery.is_dir() and not self.gallery.is_symlink()
                return may_exist and is_folder and not any(self.gallery.iterdir())
            self._give_up(remove=True)
            raise
        return True

    def _give_up(self, *, remove: bool) -> None:
        if remove:
            with suppress(OSError):
                self.lock.path.unlink()
                self.path.rmdir()
        self.lock.release()

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
            raise ValueError(f"{path} is not a run: {_why_no_run(Path(path))}")
        return folder

    def check_own(self) -> None:
        """Refuse a run in which a folder is a link: what is written into a run or its gallery stays there.

        Raises
        ------
        OSError
            If there is one.
        """
        inside = (self.checkpoints, self.evaluation, self.figures, self.interventions, self.wandb, self.gallery)
        for folder in inside:
            check_own_folder(folder)

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
    def interventions(self) -> Path:
        """Folder of tables and pictures of interventions."""
        return self.path / "interventions"

    @property
    def report(self) -> Path:
        """The sheet explorer, one page."""
        return self.path / "report.html"

    @property
    def wandb(self) -> Path:
        """Folder of the W&B mirror."""
        return self.path / "wandb"


def folder_name(name: str) -> str:
    """Return the name of the folder that a run of some name gets.

    Raises
    ------
    ValueError
        If ``name`` holds nothing that can name a folder.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:120]
    if not stem:
        raise ValueError(f"a run name needs a letter or a digit, got {name!r}; try --name first-run")
    return stem


def default_name(mode: str, n_units: int, seed: int, when: datetime.datetime) -> str:
    """Name of a run that was given none, such as ``tau-576-seed1-20250131-1542``."""
    return f"{mode}-{n_units}-seed{seed}-{when:%Y%m%d-%H%M}"


def _why_no_run(path: Path) -> str:
    """Say what a path is instead of a run, and what to give."""
    if not path.is_dir():
        return "there is no such folder; give a folder like runs/<name>"
    runs = sorted(path.glob("*/config.json")) or sorted(path.glob("*/*.safetensors"))
    if runs:
        return f"it holds {len(runs)} of them; give one, such as {runs[0].parent}"
    if any(path.glob("*.png")) or any(path.glob("*.svg")):
        return f"it holds pictures, no weights; give the folder of that run, such as runs/{path.resolve().name}"
    return "it has no config.json; give a folder like runs/<name>"
