"""What `pip install .` gives: a command and a typed package that work away from the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import topogrid

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

STRANGER = '''
"""A program of somebody else."""

import numpy as np
import topogrid as tg


def widest(path: str) -> float:
    """Return the widest spacing of a trained network, metres."""
    run: tg.Run = tg.open_trained(path)
    name: str = run.name
    spacing = run.map("spacing_m")
    changed = run.intervene("tau_x1.25")
    print(name, len(changed), run.units["tau_steps"].mean(), run.figure("scale_map").png[:4])
    return float(np.nanmax(spacing))


def main() -> None:
    """Train, and catch what can go wrong."""
    try:
        run = tg.train(preset="smoke", tau=True)
    except (tg.SettingsError, tg.TrainingError) as error:
        print(error)
        return
    config: tg.TrainConfig = run.config
    print(config.steps, run.follow("sargolini", restart=5.0).summary, tg.__version__)
'''


def called(*words: str | Path, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env=usual | changes, capture_output=True, text=True, timeout=1500
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment in which nothing but the wheel was installed; other packages are lent by this one."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    shutil.copytree(ROOT / "topogrid", source / "topogrid", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    build = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(place), str(source)]
    done = called(*build, cwd=place)
    if done.returncode and ("BackendUnavailable" in done.stderr or "No module named" in done.stderr):
        pytest.skip("pip cannot build a wheel here without a network: setuptools is not installed")
    assert done.returncode == 0, done.stderr
    (wheel,) = place.glob("*.whl")
    assert wheel.name == f"topogrid-{topogrid.__version__}-py3-none-any.whl"
    environment = place / "venv"
    assert called(sys.executable, "-m", "venv", "--without-pip", environment, cwd=place).returncode == 0
    python = environment / "bin" / "python"
    done = called(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=place)
    assert done.returncode == 0, done.stderr
    found = called(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).stdout.strip()
    (Path(found) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_the_command_trains_lists_and_opens_away_from_the_repository(bare: Path, tmp_path: Path) -> None:
    command = bare / "bin" / "topogrid"
    assert called(command, "--version", cwd=tmp_path).stdout == f"topogrid {topogrid.__version__}\n"
    flags = "--preset smoke --n_grid_cells 36 --steps 2 --eval_walks 4 --eval_bins 8 --wandb disabled --name mine"
    done = called(command, "train", *flags.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine" in called(command, "list", cwd=tmp_path).stdout
    done = called(command, "open", "runs/mine", "--no_browser", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "mine" / "report.html").stat().st_size > 10_000
    where = called(bare / "bin" / "python", "-c", "import topogrid; print(topogrid.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(bare))


def test_a_strangers_program_is_typed(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text(STRANGER)
    check = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(bare / "bin" / "python")]
    done = called(*check, "--cache-dir", tmp_path / "cache", "stranger.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    wrong = STRANGER.replace("name: str = run.name", "name: int = run.name")
    (tmp_path / "stranger.py").write_text(wrong)
    done = called(*check, "--cache-dir", tmp_path / "cache", "stranger.py", cwd=tmp_path)
    assert "Incompatible types in assignment" in done.stdout
