"""What makes a run repeatable: its random generators, and the versions it was made with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

# By purpose, the number of NumPy's random source. Numbers stay, so that no result moves; a new purpose takes a new one.
PURPOSES = {
    "surrogate maps": 20,
    "coupling": 21,
    "units shown": 22,
    "order on the sheet": 23,
    "curves shown": 24,
    "walks shown": 26,
    "units permuted": 27,
    "states shuffled": 28,
    "interventions": 30,
}


def numpy_generator(seed: int, purpose: str, *further: int) -> np.random.Generator:
    """Return the NumPy random source of one of `PURPOSES`; ``further`` numbers tell several of one purpose apart.

    Raises
    ------
    KeyError
        If there is no such purpose.
    """
    return np.random.default_rng([seed, PURPOSES[purpose], *further])


PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "wandb")


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
    program = Path(sys.argv[0]).name  # where it lies is the business of one machine
    found["command"] = " ".join(["topogrid" if program == "__main__.py" else program, *sys.argv[1:]])
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
