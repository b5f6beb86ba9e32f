"""Tables as text, in which nothing that a cell says is taken for anything but text."""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

# Control and format characters (among them those that turn the direction of reading), surrogates, breaks of lines.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-|", re.IGNORECASE)
_MARKDOWN = re.compile(r"[\\`*\[\]<|~]|(?<!\w)_|_(?!\w)|&(?=[#\w]+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)
_ENTITIES = {"<": "&lt;", "&": "&amp;"}  # safe also where a reader of Markdown passes HTML on


def plain(text: object) -> str:
    r"""Return a text on one line, in which all that a terminal would act on is written out: ESC becomes ``\x1b``."""
    told = str(text)
    return told if told.isascii() and told.isprintable() else "".join(map(_written, told))


def _written(letter: str) -> str:
    seen = unicodedata.category(letter) not in _UNSEEN
    return letter if seen else letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def markdown(text: object) -> str:
    """Return a text as Markdown that shows it: no markup, no link, no HTML and no cell of a table ends in it."""
    return _MARKDOWN.sub(lambda found: _ENTITIES.get(found[0], "\\" + found[0]), plain(text))


def hypertext(text: object) -> str:
    """Return a text as HTML that shows it: no markup, no attribute ends in it, and what is unseen is written out."""
    return html.escape(plain(text))


def code(text: object) -> str:
    """Return a text as a span of code in Markdown, whatever backticks are in it."""
    shown = plain(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    room = " " if "`" in shown else ""
    return f"{fence}{room}{shown}{room}{fence}"


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[float | int | str]]) -> str:
    """Comma-separated text with a header; six significant digits, NaN as ``nan``.

    A text that a spreadsheet would compute begins with ``'``, by which it stays text there.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    writer.writerows(map(_cell, row) for row in rows)
    return text.getvalue()


def _cell(value: float | int | str) -> float | int | str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, str):
        return value
    shown = plain(value)
    # Spreadsheets take the wide forms of these signs, too.
    begun = unicodedata.normalize("NFKC", value).lstrip()
    formula = begun.startswith(_FORMULA) and not _NUMBER.fullmatch(value)
    return f"'{shown}" if formula else shown


def to_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], *, marked_up: bool = False) -> str:
    """Markdown table of texts, padded so that it also reads well as plain text.

    Parameters
    ----------
    columns, rows
        One text a cell.
    marked_up : bool
        Whether the cells are Markdown already, and of a writer that is trusted.
    """
    escaped = [[text if marked_up else markdown(text) for text in line] for line in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*escaped, strict=True)]
    lines = [escaped[0], ["-" * width for width in widths], *escaped[1:]]
    return "".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |\n"
        for line in lines
    )


def to_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table of texts for a terminal: the first column to the left, the others to the right."""
    shown = [[plain(text) for text in line] for line in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = (
        "  ".join(text.rjust(width) if place else text.ljust(width) for place, (text, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in shown)
    )
    return "".join(line.rstrip() + "\n" for line in lines)
