"""What the documents tell a reader to type, to open and to look up is really there."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import topogrid
from benchmarks import metrics_page
from benchmarks.document import markers, splice
from benchmarks.metrics_page import VARIANTS
from benchmarks.science.published import DOCUMENTS as WRITTEN
from benchmarks.science.published import RUNS
from benchmarks.science.records import read_record
from topogrid.cli import main as topogrid_main
from topogrid.cli.flags import parse_arguments
from topogrid.cli.parsing import Parser
from topogrid.measures import FIGURES, PAGES, TABLES
from topogrid.measures.decoding import MOMENTS
from topogrid.measures.maps import SHEET, UNITS
from topogrid.session.tracking import LOGGED
from topogrid.settings.config import TrainConfig
from topogrid.settings.errors import SettingsError
from topogrid.settings.saved import write_settings

ROOT = Path(__file__).resolve().parents[2]
SITE = sorted(path for path in (ROOT / "docs").rglob("*.md") if "packages" not in path.parts)
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *SITE, ROOT / "tau_imgs" / "README.md"]
# Programs whose own arguments are their business; what they are given of ours is looked at.
OTHERS = {"conda", "mkdir", "pip", "sbatch", "source", "torchrun", "wandb"}

README = (ROOT / "README.md").read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands(document: Path) -> Iterator[list[str]]:
    """Yield the lines of a document's bash blocks as words, without their comments, and commands within its tables."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        for line in re.findall(r"`((?:topogrid|make|python -m) [^`]+)`", row):
            yield shlex.split(line)


COMMANDS = [pytest.param(words, id=shlex.join(words)) for path in DOCUMENTS for words in commands(path)]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


@pytest.fixture
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh folder that holds the run which the documents go on with."""
    run = tmp_path / "runs" / "mine"
    (run / "checkpoints").mkdir(parents=True)
    write_settings(TrainConfig(name="mine"), run / "config.json")
    (run / "checkpoints" / "step_00000100.pt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def understood(words: list[str]) -> None:
    """Parse a command as the program that it starts would; fail where it would refuse."""
    match words:
        case ["topogrid"]:
            pass
        case ["topogrid", "train", *rest] | ["python", "train_grid.py", *rest] if "--help" not in rest:
            parse_arguments(rest)
        case ["topogrid", command, *rest] | ["python", "-m", "topogrid", command, *rest]:
            assert command in topogrid_main.COMMANDS
            if command != "train":
                parser = Parser(prog=command)
                import_module(f"topogrid.cli.commands.{command}").declare(parser)
                parser.read(rest)
        case ["python", "train_grid.py", "--help"]:
            pass
        case ["python", "-m", "pytest", *paths]:
            assert [path for path in paths if not (ROOT / path).exists()] == []
        case ["python", "-m", module, *_]:
            assert find_spec(module) is not None
        case ["make", *targets]:
            assert {target for target in targets if "=" not in target} <= TARGETS
        case ["torchrun", *rest]:
            parse_arguments(rest[rest.index("train_grid.py") + 1 :])
        case ["python", script, *_rest]:  # an example of ours
            assert script.startswith("examples/")
            assert (ROOT / script).is_file()
        case [program, *rest]:
            assert program in OTHERS
            ours = [word for word in rest if word.startswith(("sweeps/", "examples/")) or word.endswith(".txt")]
            assert [word for word in ours if not (ROOT / word).is_file()] == []


@pytest.mark.usefixtures("somewhere_else")
@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_understood(words: list[str]) -> None:
    understood(words)


@pytest.mark.usefixtures("somewhere_else")
@pytest.mark.parametrize(
    "line",
    [
        "topogrid train --taus",
        "topogrid open runs/mine --in_colour",
        "topogrid paint",
        "python -m benchmarks.nothing",
        "make coffee",
        "wandb sweep sweeps/none.yaml",
        "rm -rf runs",
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises((AssertionError, SettingsError, ModuleNotFoundError)):
        understood(shlex.split(line))


@pytest.mark.parametrize("words", [["--steps", "100000"], ["--tau", "--steps", "100000"]])
def test_the_readme_trains_as_the_original_does(words: list[str]) -> None:
    assert ["python", "train_grid.py", *words] in list(commands(ROOT / "README.md"))


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "docs" / "python.md"], ids=name_of)
def test_every_name_that_python_is_shown_exists(path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Attribute)]
    names = {(ast.unparse(node.value), node.attr) for node in shown}
    assert {"tg", "run"} == {owner for owner, _ in names}
    assert [name for owner, name in names if owner == "tg" and name not in topogrid.__all__] == []
    assert [name for owner, name in names if owner == "run" and not hasattr(topogrid.Run, name)] == []


def test_every_make_target_is_explained() -> None:
    assert set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()) == TARGETS


# --- links


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, by the rule of GitHub."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_links(document: Path) -> list[str]:
    """Return the links of a document that lead to no file, or to no heading of a file."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", without_code(document.read_text(encoding="utf-8"))):
        target, _, anchor = link.partition("#")
        path = document if not target else document.parent / target
        if "://" not in link and (not path.exists() or (anchor and anchor not in anchors(path))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert dead_links(document) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading, of four words\n")
    page = tmp_path / "page.md"
    page.write_text("[a](there.md#a-heading-of-four-words) [b](gone.md) ![c](gone.png) [d](there.md#gone) [e](#gone)")
    assert dead_links(page) == ["gone.md", "gone.png", "there.md#gone", "#gone"]


def test_every_page_is_in_the_menu_of_the_site() -> None:
    listed = set()
    menu = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for page in SITE:
        for tree in menu.findall(page.read_text(encoding="utf-8")):
            for line in tree.splitlines():
                name = re.sub(r".*<(.+)>", r"\1", line.strip())
                if name and not name.startswith(":"):
                    listed.add((page.parent / f"{name}.md").resolve())
    in_site = {path.resolve() for path in [*SITE, ROOT / "tau_imgs" / "README.md"]}
    assert in_site - listed == {ROOT / "docs" / "index.md"}


# --- what the README is


def test_the_readme_is_read_in_a_minute() -> None:
    assert len(README.splitlines()) < 120
    findings = README.index("## What was found")
    for term in ("path integration", "grid cell", "spacing", "grid score", "tau", "module", "surrogate maps", "null"):
        assert 0 < README.lower().index(f"*{term}*") < findings, f"{term} is used before it is defined"


@pytest.mark.parametrize(("place", "write"), [pytest.param(key, call, id=str(key)) for key, call in WRITTEN.items()])
def test_published_numbers_are_those_of_the_records(
    place: tuple[Path, str], write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    path, name = place
    records = [record for record in map(read_record, RUNS) if record is not None]
    text = path.read_text(encoding="utf-8")
    assert splice(write(records), text, name) == text
    assert markers(name)[0] in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_gap_is_left_to_fill(document: Path) -> None:
    assert re.findall(r"TODO|FIXME|TBD|XXX", document.read_text(encoding="utf-8")) == []


def test_every_package_is_listed() -> None:
    listed = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "topogrid").glob("*/__init__.py")}
    assert {name for name in packages if f"](topogrid/{name})" not in listed} == set()


def test_the_page_of_measures_is_what_the_code_says() -> None:
    page = (ROOT / metrics_page.PAGE).read_text(encoding="utf-8")
    assert page == metrics_page.page(), "run python -m benchmarks.metrics_page"


def test_every_logged_name_has_a_row_once_or_is_a_named_variant_of_one() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| .+ \|$", metrics_page.page(), re.MULTILINE)
    assert len(rows) == len(set(rows)) < 120
    units, sheet = ({one.key for one in many} for many in (UNITS, SHEET))
    told: list[str] = []
    for name in rows:
        group, _slash, last = name.partition("/")
        variants = VARIANTS["units"] if name in units else VARIANTS["sheet"] if name in sheet else ("",)
        for variant in variants:
            form = f"{group}/{variant}{last}"
            told += [form.replace("_Ts_", f"_{moment}s_") for moment in MOMENTS] if "_Ts_" in form else [form]
    assert len(told) == len(set(told))
    assert set(told) == {*LOGGED, *FIGURES, *PAGES, *TABLES}


RECORDS = [*(ROOT / "docs").rglob("*.json"), *(ROOT / "tau_imgs").glob("*/record/*.json")]


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_a_record_names_no_place_on_the_machine_that_made_it(path: Path) -> None:
    assert re.findall(r'[\s"=](?:/|[A-Z]:\\\\)\w+/\S*', path.read_text(encoding="utf-8")) == []
