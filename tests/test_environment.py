"""The files that say what to install, and under which name and version, agree with one another."""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# torch pins its own companions for an accelerator, wheel by wheel; which ones depends on the machine.
LEFT_TO_TORCH = re.compile(r"nvidia-|cuda-|triton|intel-|pytorch-triton")


def conda_lines() -> list[str]:
    (pip_section,) = (entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    return pip_section


def pins() -> dict[str, str]:
    """Return the exact version of every package in constraints.txt."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            found[canonicalize_name(name)] = version
    return found


def needed(requirements: list[str]) -> set[str]:
    """Return the names of everything that these requirements pull in, as far as it is installed here."""
    names: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, wanted_by = waiting.pop()
        name = canonicalize_name(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": wanted_by})
        if not applies or LEFT_TO_TORCH.match(name):
            continue
        names.add(name)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            waiting += [(Requirement(text), extra) for text in requirements_of(name)]
    return names


def requirements_of(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def test_the_core_is_six_packages() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "scipy", "matplotlib", "wandb", "tqdm"}


def test_conda_names_the_packages_and_ranges_of_pyproject() -> None:
    options = [line for line in conda_lines() if line.startswith("-")]
    packages = [line for line in conda_lines() if not line.startswith("-")]
    assert sorted(packages) == sorted(PROJECT["dependencies"])
    assert options == ["-c constraints.txt", "-e ."]


def test_conda_brings_a_python_that_the_project_allows() -> None:
    (python,) = (entry for entry in CONDA["dependencies"] if isinstance(entry, str) and entry.startswith("python="))
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert python.removeprefix("python=") in allowed
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in allowed


@pytest.mark.parametrize("text", [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)])
def test_every_range_holds_the_pinned_version(text: str) -> None:
    requirement = Requirement(text)
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def test_everything_that_gets_installed_is_pinned() -> None:
    requirements = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    assert needed(requirements) <= set(pins())


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in changelog
    assert citation["license"] == PROJECT["license"]
