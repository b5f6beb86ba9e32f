"""Write what was measured into a document, between two markers that name it."""

from __future__ import annotations

from pathlib import Path

from topogrid.runs import write_text_atomic


def markers(name: str) -> tuple[str, str]:
    """Return the lines before and after the section ``name``."""
    return f"<!-- {name} -->", f"<!-- end {name} -->"


def splice(section: str, document: str, name: str) -> str:
    """Return the document with the text between the two markers of ``name`` replaced.

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


def write_section(section: str, path: Path, name: str) -> None:
    """Put a section into a document on disk.

    Raises
    ------
    ValueError
        If the document has no place for it.
    OSError
        If it cannot be read or written.
    """
    write_text_atomic(path, splice(section, path.read_text(encoding="utf-8"), name))
