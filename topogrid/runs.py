"""The folder of a run: its name, its paths, and the lock that keeps a second process out."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path


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
    def wandb(self) -> Path:
        """Folder of the W&B mirror."""
        return self.path / "wandb"


def default_name(mode: str, n_units: int, seed: int, when: datetime.datetime) -> str:
    """Name of a run that was given none, such as ``tau-576-seed1-20250131-1542``."""
    return f"{mode}-{n_units}-seed{seed}-{when:%Y%m%d-%H%M}"
