"""Tables of numbers as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[float | int | str]]) -> str:
    """Comma-separated text with a header; six significant digits, NaN as ``nan``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{value:.6g}" if isinstance(value, float) else value for value in row] for row in rows)
    return text.getvalue()


def to_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table of texts, padded so that it also reads well as plain text."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [columns, ["-" * width for width in widths], *rows]
    return "".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |\n"
        for line in lines
    )


def to_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table of texts for a terminal: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = (
        "  ".join(text.rjust(width) if place else text.ljust(width) for place, (text, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in (columns, *rows))
    )
    return "".join(line.rstrip() + "\n" for line in lines)
