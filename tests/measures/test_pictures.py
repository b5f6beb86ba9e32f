"""Every figure, page and table has one name, one file that a folder can hold, and somebody who makes it."""

import re
from pathlib import Path

import topogrid
from topogrid.measures import FIGURES, METRICS, PAGES, TABLES, pictures

SOURCE = Path(topogrid.__file__).parent


def test_no_two_figures_are_saved_in_one_file_and_none_leaves_its_folder() -> None:
    files = [entry.file for entry in FIGURES.values()]
    assert len({file.lower() for file in files}) == len(files)
    assert all(re.fullmatch(r"[a-z0-9_]+\.png", file) for file in files)


def test_figures_pages_tables_and_numbers_share_no_name() -> None:
    names = [*FIGURES, *PAGES, *TABLES, *METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(train|tau|validation)/\w+", name) for name in (*FIGURES, *PAGES, *TABLES))


def test_a_caption_is_a_sentence() -> None:
    for caption in (*(entry.caption for entry in FIGURES.values()), *PAGES.values(), *TABLES.values()):
        assert re.fullmatch(r"[A-Z].*[a-z\d]\.", caption), caption


def test_whatever_is_described_is_made_somewhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.parent.name != "measures")
    named = {
        value for name, value in vars(pictures).items() if isinstance(value, str) and re.search(rf"\b{name}\b", text)
    }
    assert [name for name in (*FIGURES, *PAGES, *TABLES) if f'"{name}"' not in text and name not in named] == []
