"""The rules of the house, read from the imports and calls of every file."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Packages and modules of the top level by layer. What stands in one layer imports from lower layers only, and siblings
# of a layer never meet. Inside a package nothing imports in a circle.
LAYERS = (
    ("files", "tables", "durations", "measures", "streams", "analysis"),
    ("reading",),
    ("figures", "settings", "runs"),
    ("world", "model"),
    ("training", "trained"),
    ("evaluation", "continuous"),
    ("interventions", "reports"),
    ("session",),
    ("study",),
    ("cli",),
    ("api", "__main__"),
)
# Only these may import torch; nothing that reads, draws or reports needs it.
WITH_TORCH = (
    "streams",
    "runs.checkpoints",
    "runs.content",
    "world",
    "model",
    "training",
    "trained",
    "evaluation",
    "continuous.boxed",
    "interventions",
    "session",
    "study.records",
)
WITHOUT_TORCH = (
    "evaluation.claims",
    "interventions.catalogue",
    "interventions.paired",
    "interventions.report",
    "session.asked",
    "session.progress",
    "session.tracking",
    "session.wandb_mirror",
    "session.wandb_mode",
    "session.stopping",
)

# Packages that the code may import beside the standard library, and those that only some files may.
# PIL comes with matplotlib, which writes PNGs with it.
CORE = {"torch", "numpy", "scipy", "matplotlib", "wandb", "tqdm", "PIL"}
EXTRAS = {"ripser", "safetensors"}  # imported where they are used, with a remedy where they are missing
ONLY_IN = {
    "safetensors": ("topogrid/trained/safetensors.py",),
    "PIL": ("topogrid/session/wandb_mirror.py",),
    "ripser": ("topogrid/analysis/torus.py",),
    "wandb": ("topogrid/session/wandb_",),
    "argparse": ("topogrid/cli/",),
}
FRONT_DOORS = ("topogrid/cli/", "topogrid/__main__.py", "train_grid.py")

SEEDED = {"default_rng", "Generator", "BitGenerator", "SeedSequence", "PCG64", "PCG64DXSM", "Philox"}
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}
TORCH_REFILLS = {"normal_", "uniform_", "bernoulli_", "exponential_", "random_", "geometric_", "log_normal_", "cauchy_"}

SOURCES = sorted((ROOT / "topogrid").rglob("*.py")) + sorted(ROOT.glob("train_grid.py"))


def name_of(path: Path) -> str:
    """Return the path from the repository's root, as the tables above write it."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> tuple[str, ...]:
    """Return the parts of a file's module name; a package's ``__init__`` goes by the name of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def layer_of(name: str) -> int:
    """Return the layer of a package or module of the top level; ``train_grid`` and ``__init__`` stand above all."""
    return next((number for number, names in enumerate(LAYERS) if name in names), len(LAYERS))


def upward_import(importer: tuple[str, ...], imported: str) -> str | None:
    """Return what is wrong when one module imports another of this package, ``None`` where nothing is."""
    target = imported.split(".")
    if imported == "topogrid.__version__":
        return None
    if len(target) < 2 or not any(target[1] in names for names in LAYERS):
        return f"{imported}: name the package that it comes from"
    own = importer[1] if importer[0] == "topogrid" and len(importer) > 1 else ""
    if own == target[1] or layer_of(target[1]) < layer_of(own):
        return None
    return f"{imported} is not below {own or 'the front door'}"


def existing(imported: str) -> str:
    """Return the module that a dotted name is, or is a name of."""
    parts = imported.split(".")
    while parts and not (ROOT.joinpath(*parts).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").is_file()):
        parts.pop()
    return ".".join(parts)


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of everything imported, also inside functions; ``from a import b`` yields ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the full name, not a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for such an expression, with ``?`` in place of a root that is not a plain name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the dotted name of what it calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def unseeded_draws(tree: ast.AST) -> list[str]:
    """Return the draws from state that nobody handed in: NumPy's and PyTorch's global generators, fresh entropy."""
    found = []
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        if name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in SEEDED:
            found.append(name)
    for name, call in calls(tree):
        last = name.rsplit(".", 1)[-1]
        draws = name.startswith("torch.") and (last in TORCH_DRAWS or last == "manual_seed")
        draws |= any(last == refill or last.endswith(f"_{refill}") for refill in TORCH_REFILLS)
        if draws and not any(keyword.arg == "generator" for keyword in call.keywords):
            found.append(name)
        if last == "default_rng" and not call.args and not call.keywords:
            found.append(f"{name} without a seed")
    return found


def ways_out(tree: ast.AST) -> list[str]:
    """Return what prints to the terminal or ends the program."""
    found = [name for name, _ in calls(tree) if name in {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}]
    return found + [name for name in imported_modules(tree) if name == "sys.exit"]


@pytest.fixture(params=SOURCES, ids=name_of)
def source(request: pytest.FixtureRequest) -> tuple[Path, ast.Module]:
    path: Path = request.param
    return path, ast.parse(path.read_text(encoding="utf-8"))


def test_every_package_has_its_place_in_a_layer() -> None:
    folder = ROOT / "topogrid"
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert there - {"__init__"} == {name for names in LAYERS for name in names}


def test_a_file_imports_only_from_lower_layers(source: tuple[Path, ast.Module]) -> None:
    path, tree = source
    own = [module for module in imported_modules(tree) if module.split(".")[0] == "topogrid"]
    assert [fault for module in own if (fault := upward_import(module_of(path), module))] == []


def circle_in(arrows: dict[str, set[str]]) -> list[str]:
    """Return modules that import one another in a circle; empty if there is none."""
    left = {name: set(targets) for name, targets in arrows.items()}
    while ends := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in ends:
            del left[name]
    return sorted(left)


def test_nothing_imports_in_a_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for path in SOURCES:
        name = ".".join(module_of(path))
        targets = {existing(module) for module in imported_modules(ast.parse(path.read_text(encoding="utf-8")))}
        arrows[name] = {target for target in targets if target.startswith("topogrid.")} - {name}
    assert circle_in(arrows) == []


def test_the_reader_notices_a_circle() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["a", "b", "c", "d"]
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_only_what_computes_imports_torch(source: tuple[Path, ast.Module]) -> None:
    path, tree = source
    name = ".".join(module_of(path)[1:])

    def inside(packages: tuple[str, ...]) -> bool:
        return any(name == one or name.startswith(f"{one}.") for one in packages)

    if path.name != "train_grid.py" and (not inside(WITH_TORCH) or inside(WITHOUT_TORCH)):
        assert "torch" not in {module.split(".")[0] for module in imported_modules(tree)}


def test_the_measurements_stand_alone(source: tuple[Path, ast.Module]) -> None:
    path, tree = source
    if module_of(path)[:2] == ("topogrid", "analysis"):
        modules = list(imported_modules(tree))
        assert {module.split(".")[0] for module in modules}.isdisjoint({"torch", "wandb", "tqdm"})
        assert all(module.startswith("topogrid.analysis.") for module in modules if module.startswith("topogrid"))


def test_a_file_imports_only_the_packages_it_may(source: tuple[Path, ast.Module]) -> None:
    name, tree = name_of(source[0]), source[1]
    for module in imported_modules(tree):
        package = module.split(".")[0]
        assert package in CORE | EXTRAS | {"topogrid"} or package in sys.stdlib_module_names, f"{name} imports {module}"
        assert name.startswith(ONLY_IN.get(package, (name,))), (
            f"{name} imports {module}, which only {ONLY_IN[package]} may"
        )
        assert not module.startswith(("matplotlib.pyplot", "matplotlib.pylab")), f"{name} imports {module}"
        assert package != "random", f"{name} imports {module}: pass a generator"


def test_only_the_two_front_doors_print_or_exit(source: tuple[Path, ast.Module]) -> None:
    name, tree = name_of(source[0]), source[1]
    # The second signal ends a run that does not stop at the first.
    allowed = {"os._exit"} if name == "topogrid/session/stopping.py" else set()
    if not name.startswith(FRONT_DOORS):
        assert set(ways_out(tree)) <= allowed


def test_every_draw_comes_from_a_generator_that_was_handed_in(source: tuple[Path, ast.Module]) -> None:
    assert unseeded_draws(source[1]) == []


def test_no_file_is_named_for_nothing_in_particular() -> None:
    assert {path.stem for path in SOURCES}.isdisjoint({"utils", "util", "helpers", "misc", "common", "tools"})


@pytest.mark.parametrize(
    "line",
    [
        "np.random.rand(3)",
        "numpy.random.seed(0)",
        "np.random.default_rng()",
        "torch.rand(3)",
        "torch.manual_seed(0)",
        "weights.normal_(0, 1)",
        "nn.init.xavier_uniform_(weights)",
    ],
)
def test_the_reader_notices_a_draw_from_global_state(line: str) -> None:
    assert unseeded_draws(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "np.random.default_rng(seed)",
        "rng.normal(size=3)",
        "torch.rand(3, generator=generator)",
        "weights.normal_(0, 1, generator=generator)",
        "def draw(rng: np.random.Generator): ...",
    ],
)
def test_the_reader_lets_a_seeded_draw_pass(line: str) -> None:
    assert unseeded_draws(ast.parse(line)) == []


@pytest.mark.parametrize("line", ["print('hello')", "sys.exit(2)", "raise SystemExit(2)", "from sys import exit"])
def test_the_reader_notices_what_prints_or_exits(line: str) -> None:
    assert ways_out(ast.parse(line))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("topogrid.settings.config", "topogrid.model.network.TauRNN"),
        ("topogrid.model.network", "topogrid.world.place_cells.PlaceCells"),
        ("topogrid.training.losses", "topogrid.trained.weights.build"),
        ("topogrid.analysis.maps.scores", "topogrid.files.write_json_atomic"),
        ("topogrid.evaluation.evaluate", "topogrid.interventions.report"),
        ("topogrid.session.run", "topogrid.run_training"),
    ],
)
def test_the_reader_notices_an_import_that_goes_up(importer: str, imported: str) -> None:
    assert upward_import(tuple(importer.split(".")), imported)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("topogrid.model.network", "topogrid.settings.config.TrainConfig"),
        ("topogrid.training.step", "topogrid.training.losses"),
        ("topogrid.evaluation.evaluate", "topogrid.analysis.GridScores"),
        ("topogrid.analysis", "topogrid.analysis.maps.lattice.Lattice"),
        ("topogrid", "topogrid.analysis"),
        ("train_grid", "topogrid.session.run.run_training"),
    ],
)
def test_the_reader_lets_an_import_that_goes_down_pass(importer: str, imported: str) -> None:
    assert upward_import(tuple(importer.split(".")), imported) is None


def literal_keys(tree: ast.AST) -> set[str]:
    """Return the names of tracked numbers and pictures that stand in a module as text."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"(train|validation|perf|tau)/[\w./-]+", text)}


def test_a_tracked_name_stands_in_few_modules() -> None:
    """Where a name is said and where it is made, and perhaps where it is read; others import it from its home."""
    where: dict[str, list[str]] = {}
    for path in SOURCES:
        for key in literal_keys(ast.parse(path.read_text(encoding="utf-8"))):
            where.setdefault(key, []).append(name_of(path))
    assert {key: names for key, names in where.items() if len(names) > 3} == {}
    assert len(where) > 50, "the reader finds none"


def test_no_module_is_longer_than_one_can_read() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


# Where files are read: whoever else wants one asks these, which open nothing that is no regular file, and no more of it
# than a file of its kind has. What remains reads the package itself or /proc, text in memory, or walks, whose door
# looks at the file first.
READERS = {
    "json.loads": {
        "topogrid/files.py",
        "topogrid/reading.py",
        "topogrid/runs/metrics_log.py",
        "topogrid/settings/carried.py",
        "topogrid/trained/safetensors.py",
    },
    "np.load": {"topogrid/trained/original.py", "topogrid/world/array_files.py"},
    "read_text": {
        "topogrid/model/products.py",
        "topogrid/reports/explorer/page.py",
        "topogrid/training/hardware.py",
    },
    "json.load": set(),
    "read_bytes": set(),
}


def test_files_are_read_in_few_places(source: tuple[Path, ast.Module]) -> None:
    path, tree = source
    for name, _call in calls(tree):
        # `read_text(path)` is that of files.py; a method of a path has a dot before it.
        asked = {name, name.rsplit(".", 1)[-1]} & READERS.keys() if "." in name else set()
        for reader in asked:
            assert name_of(path) in READERS[reader], f"{name}: ask topogrid.files or topogrid.reading"


def code_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a module that do something, with their numbers: no docstring, import, comment or blank."""
    text = path.read_text(encoding="utf-8")
    apart: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            apart.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if number not in apart)
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def test_no_six_lines_stand_twice() -> None:
    where: dict[tuple[str, ...], list[str]] = {}
    for path in SOURCES:
        lines = code_lines(path)
        for first in range(len(lines) - 5):
            six = tuple(line for _number, line in lines[first : first + 6])
            if sum(len(line) > 12 for line in six) >= 3:  # brackets alone are no code
                where.setdefault(six, []).append(f"{name_of(path)}:{lines[first][0]}")
    assert {places[0]: places[1:] for places in where.values() if len(places) > 1} == {}
    assert len(where) > 5000, "the reader finds none"
