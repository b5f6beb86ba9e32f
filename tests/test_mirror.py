"""Every module has its test: tests/<package>/test_<module>.py is of topogrid/<package>/<module>.py."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Modules that are declarations, or lines of other modules: nothing of their own could be wrong.
NOTHING_TO_TEST = {"__init__", "__main__", "errors"}
# Tests of what several modules of their package do together, named for that.
OF_SEVERAL = {
    "analysis/test_invariance.py",
    "session/test_settings_at_resume.py",
    "trained/test_saved_runs.py",
}


def modules() -> dict[str, Path]:
    """Return every module of the package with where its test belongs."""
    found = {}
    for path in sorted((ROOT / "topogrid").rglob("*.py")):
        if path.stem not in NOTHING_TO_TEST:
            inside = path.relative_to(ROOT / "topogrid")
            found[inside.as_posix()] = ROOT / "tests" / inside.parent / f"test_{path.name}"
    return found


def test_every_module_has_its_test() -> None:
    assert [name for name, test in modules().items() if not test.is_file()] == []


def test_every_test_is_of_a_module_or_of_a_package() -> None:
    """A test in the folder of a package is named for one of its modules, or packages, as a whole or in part."""
    for folder in sorted((ROOT / "tests").rglob("test_*.py")):
        inside = folder.parent.relative_to(ROOT / "tests")
        source = ROOT / "topogrid" / inside
        if inside == Path() or not source.is_dir():
            continue
        if folder.relative_to(ROOT / "tests").as_posix() in OF_SEVERAL:
            continue
        named = folder.stem.removeprefix("test_")
        known = {path.stem for path in source.iterdir()} | {source.name}
        assert any(named == name or named.startswith(f"{name}_") for name in known), f"{folder} is of no module"
