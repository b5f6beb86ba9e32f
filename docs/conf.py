"""Settings of the documentation site: `make docs` builds it into build/site, strictly (a warning ends the build).

The source folder of the site is the root of the repository, so that a link from one document to another file leads to
the same file in the repository and in the site, and Sphinx checks all of them.
"""

import ast
import os
import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "docs" / "reference" / "packages"  # written here, not kept in the repository
NOT_IN_REFERENCE = {"cli"}  # `--help` is its reference
sys.path.insert(0, str(ROOT))

project = "topogrid"
author = "topogrid contributors"
copyright = author  # Sphinx asks for this name
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "tau_imgs/README.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
html_extra_path = ["site/index.html"]  # the root of the site leads to its home page

extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4  # anchors as on a page of Markdown
myst_enable_extensions = ["deflist"]
default_role = "py:obj"  # `name` in a docstring is a link where it is known
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give types with their shapes and units

html_theme = "pydata_sphinx_theme"
html_title = f"topogrid {version}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}


def setup(app: Sphinx) -> None:
    """Write the pages of the reference before Sphinx looks for pages, and give links to folders a page to lead to."""
    write_reference()
    app.connect("source-read", lead_folders_to_pages)


def write_reference() -> None:
    """Write a page for each package of topogrid and for its lone modules, with the docstrings of all public modules."""
    folder = ROOT / "topogrid"
    rooms = {path.parent.name: sorted(path.parent.rglob("*.py")) for path in sorted(folder.glob("*/__init__.py"))}
    rooms["modules"] = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    rooms["topogrid"] = [folder / "__init__.py"]
    PACKAGES.mkdir(exist_ok=True)
    for page in PACKAGES.glob("*.md"):
        if page.stem not in rooms:
            page.unlink()
    for name, paths in rooms.items():
        if name not in NOT_IN_REFERENCE:
            text = "\n".join([f"# {name}", *map(section, paths), ""])
            page = PACKAGES / f"{name}.md"
            if not page.is_file() or page.read_text(encoding="utf-8") != text:
                page.write_text(text, encoding="utf-8")


def public_names(path: Path) -> list[str]:
    """Return the names in the ``__all__`` of a file that are no packages."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if not (path.parent / name).is_dir()]
    return []


def section(path: Path) -> str:
    """Return the part of a reference page that is about one module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    heading, members = f"\n## {module}\n", "   :members:\n"
    if path.stem == "__init__":  # what a package passes on is documented where it is defined
        members = ""
    if module == "topogrid":
        heading = ""
        names = ", ".join(name for name in public_names(path) if not name.startswith("_"))
        members = f"   :members: {names}\n   :imported-members:\n   :no-index:\n" if names else ""
    return f"{heading}\n```{{eval-rst}}\n.. automodule:: {module}\n{members}```\n"


def lead_folders_to_pages(app: Sphinx, document: str, source: list[str]) -> None:
    """Rewrite links to folders, which a repository shows and a site does not, to the page about what is in them."""
    here = (ROOT / document).parent

    def page_of(link: re.Match[str]) -> str:
        folder = (here / link["target"]).resolve()
        if not folder.is_dir():
            return link[0]
        room, name = folder.relative_to(ROOT).parts[:2]
        page = PACKAGES / f"{name}.md" if room == "topogrid" else ROOT / room / "README.md"
        return f"]({os.path.relpath(page if page.is_file() else PACKAGES.parent / 'index.md', here)})"

    source[0] = re.sub(r"\]\((?P<target>[\w./-]+)\)", page_of, source[0])
