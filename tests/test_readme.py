"""What the documents tell a reader to type, to open and to look up is really there."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks import metrics_page
from benchmarks.metrics_page import VARIANTS
from topogrid.cli import main as topogrid_main
from topogrid.cli.flags import parse_arguments
from topogrid.measures import FIGURES, PAGES, TABLES
from topogrid.measures.decoding import MOMENTS
from topogrid.measures.maps import SHEET, UNITS
from topogrid.session.tracking import LOGGED
from topogrid.settings.config import TrainConfig
from topogrid.settings.saved import write_settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(document: Path) -> list[str]:
    """Return the lines of a document's bash blocks, without their comments."""
    blocks = re.findall(r"^```bash\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = (shlex.split(line, comments=True) for block in blocks for line in block.splitlines())
    return [shlex.join(words) for words in lines if words]


COMMANDS = [(document.name, command) for document in DOCUMENTS for command in commands(document)]
TRAINING = [command for _, command in COMMANDS if command.startswith("python train_grid.py")]


def test_the_readme_trains() -> None:
    assert "python train_grid.py --steps 100000" in TRAINING
    assert "python train_grid.py --tau --steps 100000" in TRAINING


@pytest.fixture
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh folder that holds the run which the README goes on with."""
    run = tmp_path / "runs" / "mine"
    (run / "checkpoints").mkdir(parents=True)
    write_settings(TrainConfig(name="mine"), run / "config.json")
    (run / "checkpoints" / "step_00000100.pt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("somewhere_else")
@pytest.mark.parametrize("command", [command for command in TRAINING if not command.endswith("--help")])
def test_every_training_command_is_understood(command: str) -> None:
    parse_arguments(shlex.split(command)[2:])


def test_every_other_command_of_the_package_exists() -> None:
    told = {shlex.split(command)[3] for _, command in COMMANDS if command.startswith("python -m topogrid ")}
    assert told
    assert told <= set(topogrid_main.COMMANDS)


def test_every_make_target_exists_and_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    told = {word for _, command in COMMANDS if command.startswith("make ") for word in shlex.split(command)[1:]}
    assert told
    assert told <= explained
    assert explained == phony


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_no_gap_is_left_to_fill(document: Path) -> None:
    assert re.findall(r"TODO|FIXME|TBD|XXX", document.read_text(encoding="utf-8")) == []


def test_every_package_is_listed() -> None:
    listed = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "topogrid").glob("*/__init__.py")}
    assert {name for name in packages if f"](topogrid/{name})" not in listed} == set()


def test_the_page_of_measures_is_what_the_code_says() -> None:
    assert metrics_page.PAGE.read_text(encoding="utf-8") == metrics_page.page(), "run python -m benchmarks.metrics_page"


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
