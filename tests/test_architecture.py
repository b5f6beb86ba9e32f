"""The rules of the house, read from the imports and calls of every file."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A file imports only from files earlier in its package's chain: a walk flows through once, nothing flows back up.
CHAINS = {
    "topogrid": (
        "files",
        "analysis",
        "config",
        "presets",
        "trajectories",
        "place_cells",
        "losses",
        "geometry",
        "reproducibility",
        "model",
        "hardware",
        "distributed",
        "runs",
        "metrics_log",
        "checkpoints",
        "weights",
        "trained",
        "exchange",
        "original",
        "objective",
        "tracking",
        "evaluation",
        "evaluation_files",
        "following",
        "summary",
        "claims",
        "gallery",
        "report",
        "training",
        "cuda_graph",
        "failures",
        "pace",
        "stopping",
        "tables",
        "interventions",
        "module_interventions",
        "intervention_report",
        "reanalysis",
        "run_records",
        "comparison",
        "comparison_text",
        "comparison_page",
        "companions",
        "session",
        "__main__",
    ),
    "topogrid.analysis": (
        "sheets",
        "theory",
        "grid_scores",
        "lattice_fit",
        "lattice",
        "rate_maps",
        "information",
        "borders",
        "scale_clusters",
        "nulls",
        "gate",
        "sheet_order",
        "topography",
        "shift_bands",
        "inference",
        "groups",
        "figures",
    ),
    "topogrid.model": ("products", "kernels", "recurrence", "tau", "wiring", "units", "network"),
    "topogrid.model.wiring": ("base", "dense", "modular", "fitting", "attractor", "learned"),
    "topogrid.analysis.sheets": ("sheet", "module_scales"),
    "topogrid.report": ("evaluations", "record", "sprites", "page"),
    "topogrid.analysis.figures": (
        "style",
        "comparisons",
        "curves",
        "distributions",
        "group_panels",
        "group_figures",
        "order",
        "rate_map_grids",
        "sheet_maps",
        "filmstrip",
        "predictions",
        "trajectories",
        "pieces",
    ),
}

# Packages that the code may import beside the standard library, and those that only some files may.
# PIL comes with matplotlib, which writes PNGs with it.
CORE = {"torch", "numpy", "scipy", "matplotlib", "wandb", "tqdm", "PIL"}
EXTRAS = {"safetensors"}  # imported where they are used, with a remedy where they are missing
ONLY_IN = {
    "safetensors": {"topogrid/exchange.py"},
    "PIL": {"topogrid/tracking.py"},
    "wandb": {"topogrid/tracking.py"},
    "argparse": {"topogrid/presets.py", "topogrid/__main__.py", "train_grid.py"},
}
FRONT_DOORS = {"topogrid/__main__.py", "train_grid.py"}

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


def upward_import(importer: tuple[str, ...], imported: str) -> str | None:
    """Return what is wrong when one module imports another of this package, ``None`` where nothing is.

    The two are compared where their paths part, in the chain of the innermost package that holds both. An ``__init__``
    and ``train_grid.py`` stand above the chain and may import all of it.
    """
    target = tuple(imported.split("."))
    shared = 1
    while ".".join(target[: shared + 1]) in CHAINS and target[: shared + 1] == importer[: shared + 1]:
        shared += 1
    package, part = ".".join(target[:shared]), target[shared] if len(target) > shared else ""
    chain = CHAINS[package]
    if part not in chain:
        return f"{imported}: name the file that it comes from"
    inside = importer[:shared] == target[:shared] and len(importer) > shared
    if inside and chain.index(part) >= chain.index(importer[shared]):
        return f"{imported} comes later in the chain of {package}"
    return None


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


@pytest.mark.parametrize("package", CHAINS)
def test_every_file_has_its_place_in_a_chain(package: str) -> None:
    folder = ROOT.joinpath(*package.split("."))
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert files - {"__init__"} <= set(CHAINS[package])


def test_a_file_imports_only_from_files_earlier_in_the_chain(source: tuple[Path, ast.Module]) -> None:
    path, tree = source
    own = [module for module in imported_modules(tree) if module.split(".")[0] == "topogrid"]
    assert [fault for module in own if (fault := upward_import(module_of(path), module))] == []


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
        assert name in ONLY_IN.get(package, {name}), f"{name} imports {module}, which only {ONLY_IN[package]} may"
        assert not module.startswith(("matplotlib.pyplot", "matplotlib.pylab")), f"{name} imports {module}"
        assert package != "random", f"{name} imports {module}: pass a generator"


def test_only_the_two_front_doors_print_or_exit(source: tuple[Path, ast.Module]) -> None:
    name, tree = name_of(source[0]), source[1]
    # The second signal ends a run that does not stop at the first.
    allowed = {"os._exit"} if name == "topogrid/stopping.py" else set()
    if name not in FRONT_DOORS:
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
        ("topogrid.config", "topogrid.model.network.TauRNN"),
        ("topogrid.model.network", "topogrid.model.network.TauRNN"),
        ("topogrid.losses", "topogrid.training.train"),
        ("topogrid.analysis.grid_scores", "topogrid.analysis.lattice.Lattice"),
        ("topogrid.analysis.figures.style", "topogrid.analysis.figures.curves.draw"),
        ("topogrid.training", "topogrid.TauRNN"),
    ],
)
def test_the_reader_notices_an_import_that_goes_up(importer: str, imported: str) -> None:
    assert upward_import(tuple(importer.split(".")), imported)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("topogrid.model.network", "topogrid.config.TrainConfig"),
        ("topogrid.training", "topogrid.losses"),
        ("topogrid.evaluation", "topogrid.analysis.GridScores"),
        ("topogrid.analysis", "topogrid.analysis.lattice.Lattice"),
        ("topogrid.analysis.figures.curves", "topogrid.analysis.lattice.box_sides"),
        ("train_grid", "topogrid.session.run"),
    ],
)
def test_the_reader_lets_an_import_that_goes_down_pass(importer: str, imported: str) -> None:
    assert upward_import(tuple(importer.split(".")), imported) is None
