"""A comparison as files: one HTML page that holds its figures, one picture, Markdown and CSV."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from topogrid.figures import (
    COMPARISON_FIGURES,
    comparison_figure,
    comparison_overview,
    distinct_colours,
    rendered,
    save_figure,
)
from topogrid.files import check_writable, write_text_atomic
from topogrid.reports.comparison.comparison import Comparison
from topogrid.reports.comparison.text import (
    KEY,
    as_csv,
    as_markdown,
    differences_table,
    findings,
    means_table,
    runs_table,
    title,
)
from topogrid.tables import hypertext

STEM = "comparison"

_CAPTIONS = {
    "learning": (
        "Learning",
        "Decoding error and cross-entropy of the training batches along training, and decoding error along long "
        "held-out walks. Thin: one network; thick: mean over networks; band: from the lowest to the highest network. "
        "Grey dashes: a decoder that never updates its position.",
    ),
    "trade_off": (
        "Grid-like units against path integration",
        "Share of all units above a grid score against the decoding error on held-out walks, along training from left "
        "to right; a dot is an evaluation, a large one the last. Dashes: the share that noise with the same spatial "
        "periods would have. Right: the same shares after training, of units beyond the 99 % of their own null, where "
        "chance puts 1 %, and of grid cells, at 5 % false discoveries over the network. A dot is a "
        "network, the black bar the mean with its 95 % t interval, grey the null's mean.",
    ),
    "spread": (
        "Scores, spacings and order on the sheet",
        "Distributions over the units of each network (thin) and the mean of these distributions (thick), so that "
        "every network counts alike; dotted: grid scores 0.3 and 0.8, and the spacing that theory predicts. Moran's I "
        "of log tau, of log spacing, and of what log tau leaves of log spacing; beta is the slope of log spacing on "
        "log tau, a thin bar its interval within one network. Both over all units with a lattice.",
    ),
    "sheets": (
        "Time constants and spacings on the sheet",
        "Every network's sheet, all on the same two colour scales; grey: no lattice. The first networks of each group "
        "where there are many. Tau is smooth by construction: initial layout and smoothness loss.",
    ),
}

_LOOK = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5c5c5c; --back: #fdfdfc; --line: #d9d9d6; --note: #fff6e0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececea; --soft: #a9a9a5; --back: #17181a; --line: #3a3b3d; --note: #33290f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p, li { max-width: 46rem; }
.soft, figcaption, caption { color: var(--soft); font-size: .88rem; }
.note { background: var(--note); border-radius: .4rem; padding: .6rem 1rem; }
.note ul { margin: .2rem 0; padding-left: 1.2rem; }
figure { margin: 1rem 0 2rem; }
figure img { display: block; width: 100%; height: auto; background: white; border: 1px solid var(--line);
  border-radius: .3rem; padding: .5rem; }
figcaption { max-width: 46rem; margin-top: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td + td { white-space: nowrap; }
td:nth-child(7) { white-space: normal; }
code { font-size: .85em; overflow-wrap: anywhere; }
"""


def write_comparison(
    comparison: Comparison, out: str | Path, *, command: str, figure_format: str = "png"
) -> dict[str, Path]:
    """Write ``comparison.html``, ``.png``, ``.md`` and ``.csv`` into a folder; older ones there are replaced.

    Parameters
    ----------
    comparison : Comparison
    out : str or Path
        Made if it is not there.
    command : str
        What made it, for whoever wants it again.
    figure_format : {"png", "pdf"}
        With ``pdf`` the picture is also written as a vector PDF.

    Returns
    -------
    dict of str to Path
        By suffix.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    check_writable(out)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {suffix: folder / f"{STEM}.{suffix}" for suffix in ("html", "png", "md", "csv")}
    overview = comparison_overview(comparison.groups, _colours(comparison), title=title(comparison))
    save_figure(overview, paths["png"], figure_format=figure_format)
    if figure_format == "pdf":
        paths["pdf"] = paths["png"].with_suffix(".pdf")
    write_text_atomic(paths["csv"], as_csv(comparison))
    write_text_atomic(paths["md"], as_markdown(comparison, paths["png"].name, command))
    write_text_atomic(paths["html"], as_page(comparison, command))
    return paths


def _colours(comparison: Comparison) -> list[str]:
    """Return a colour for each group, that of its kind of network where no group before has it."""
    return distinct_colours([records[0].config.kind.colour for records in comparison.records])


def as_page(comparison: Comparison, command: str) -> str:
    """Return the comparison as one HTML page that needs no other file and no network."""
    n_networks = sum(len(group.members) for group in comparison.groups)
    colours = _colours(comparison)
    by = ", ".join(comparison.by) or "nothing but the seed"
    parts = [
        f"<h1>{hypertext(title(comparison))}</h1>",
        f'<p class="soft">{n_networks} trained networks in {len(comparison.groups)} groups, which differ in '
        f"{hypertext(by)}; seeds pooled. The network is the unit of inference.</p>",
        _bullets(findings(comparison)),
    ]
    if comparison.warnings:
        parts += [f'<section class="note" aria-label="What to keep in mind"><strong>Keep in mind</strong>'
                  f"{_bullets(comparison.warnings)}</section>"]  # fmt: skip
    parts += [_figure(name, comparison_figure(name, comparison.groups, colours)) for name in COMPARISON_FIGURES]
    parts += [
        "<h2>Means over networks</h2>",
        _table("Means over networks", means_table(comparison)),
        f'<p class="soft">{hypertext(KEY)}</p>',
    ]
    if len(comparison.groups) > 1:
        parts += ["<h2>Differences</h2>", _table("Differences", differences_table(comparison))]
    parts += ["<h2>Runs</h2>", _table("Runs", runs_table(comparison))]
    parts.append(f'<p class="soft">Made with <code>{hypertext(command)}</code>.</p>')
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{hypertext(title(comparison))}</title>\n<style>{_LOOK}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _bullets(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{hypertext(sentence)}</li>" for sentence in sentences) + "</ul>" if sentences else ""


def _table(name: str, table: tuple[list[str], list[list[str]]]) -> str:
    """Return a table that is scrolled by keys, too, where it is wider than the window."""
    columns, rows = table
    head = "".join(f'<th scope="col">{hypertext(text)}</th>' for text in columns)
    lines = "".join("<tr>" + "".join(f"<td>{hypertext(text)}</td>" for text in row) + "</tr>" for row in rows)
    scrolled = f'class="wide" role="region" tabindex="0" aria-label="{hypertext(name)}"'
    return f"<div {scrolled}><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def _figure(name: str, figure: Figure) -> str:
    heading, caption = _CAPTIONS[name]
    data = base64.b64encode(rendered(figure)).decode("ascii")
    return (
        f'<h2>{hypertext(heading)}</h2>\n<figure><img alt="{hypertext(caption)}" '
        f'src="data:image/png;base64,{data}"><figcaption>{hypertext(caption)}</figcaption></figure>'
    )
