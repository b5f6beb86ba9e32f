"""Measured tables inside documents: what stands between two markers is written by a command, the rest by people."""

from __future__ import annotations

from pathlib import Path

from topogrid.files import write_text_atomic


def markers(name: str) -> tuple[str, str]:
    """Return the lines between which a document holds the tables called ``name``."""
    return f"<!-- {name} -->", f"<!-- end {name} -->"


def splice(section: str, document: str, name: str) -> str:
    """Return the document with the text between two markers replaced.

    Raises
    ------
    ValueError
        If it does not hold both markers, once and in order.
    """
    start, end = markers(name)
    if document.count(start) != 1 or document.count(end) != 1 or document.index(start) > document.index(end):
        raise ValueError(f"wanted one line {start} and after it one line {end}")
    before, _, rest = document.partition(start)
    return f"{before}{start}\n\n{section.strip()}\n\n{end}{rest.partition(end)[2]}"


def check_writable_between(path: Path, name: str) -> str | None:
    """Say why tables could not be written into a document; ``None`` if they can. Ask before hours of measuring."""
    try:
        splice("", path.read_text(encoding="utf-8"), name)
    except (OSError, ValueError) as error:
        return f"{path}: {error}"
    return None


def write_between(path: Path, section: str, name: str) -> None:
    """Replace the tables called ``name`` in a document."""
    write_text_atomic(path, splice(section, path.read_text(encoding="utf-8"), name))
