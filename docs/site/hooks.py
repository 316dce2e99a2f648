"""What MkDocs has to be told: pages that lie elsewhere, and links that leave the site.

The pages under ``docs/en`` are read on the code's host as well, where links go to
other files of the repository. In the site README.md of the repository and those of the
methods are pages, too, and so are notebooks. A link to the file of a class leads to the
reference, one to any other file becomes its name.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))

import equations
import reference
import sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = "docs/en"
STYLE = "site.css"
# The theme keeps the cells of a table on one line, however long; equations that are
# wider than a narrow screen are scrolled, and pictures never wider than it.
_LOOKS = """\
.wy-table-responsive table td { white-space: normal; }
math[display="block"] { overflow-x: auto; overflow-y: hidden; padding: 0.3em 0; }
math { font-size: 1.1em; }
.rst-content img { max-width: 100%; height: auto; }
"""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_SYSTEM = "systems/"
_FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
# Of the pages that Markdown is at work on.
_EQUATIONS: dict[str, equations.Equations] = {}
_ROW = re.compile(r"^\| \[(.+?)\]\((.+?)\.(?:md|ipynb)\)", flags=re.MULTILINE)


def outside_pages() -> dict[str, str]:
    """Files of the repository that become pages, and where these are."""
    pages = {"README.md": "project.md"}
    for path in sorted((ROOT / "configs").glob("*/README.md")):
        name = path.parent.name
        pages[f"configs/{name}/README.md"] = f"methods/{name}.md"
    for path in sorted((ROOT / PAGES).glob("notebooks/*.ipynb")):
        pages[f"{PAGES}/notebooks/{path.name}"] = f"notebooks/{path.stem}.md"
    return pages


def page_text(source: str) -> str:
    """A file as the Markdown of its page.

    Args:
        source: Its path in the repository; a notebook's code becomes blocks.
    """
    text = (ROOT / source).read_text(encoding="utf-8")
    if not source.endswith(".ipynb"):
        return text
    blocks = []
    for cell in json.loads(text)["cells"]:
        block = "".join(cell["source"])
        is_code = cell["cell_type"] == "code"
        blocks.append(f"```python\n{block}\n```" if is_code else block)
    return "\n\n".join(blocks)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the menu of the table of pages.

    Args:
        config: Of the site.
    """
    table = (ROOT / PAGES / "README.md").read_text(encoding="utf-8")
    rows = [(name, f"{page}.md") for name, page in _ROW.findall(table)]
    methods = [page for page in outside_pages().values() if "methods/" in page]
    config.nav = [
        {"Start": "README.md"},
        {"The project": "project.md"},
        {"Pages": [{name: page} for name, page in rows if _SYSTEM not in page]},
        {"Systems": [{name: page} for name, page in rows if _SYSTEM in page]},
        {"Methods": [{Path(page).stem.upper(): page} for page in methods]},
        {"Reference": [{title: page} for title, page in _reference().items()]},
    ]
    return config


def _reference() -> dict[str, str]:
    return {**reference.titles(), "Parts of parts": sources.INNER_PARTS}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and those that are made of the code.

    Args:
        files: Of the site.
        config: Of the site.
    """
    for source, page in outside_pages().items():
        files.append(File.generated(config, page, content=page_text(source)))
    files.append(File.generated(config, STYLE, content=_LOOKS))
    made = {**reference.pages(), sources.INNER_PARTS: sources.inner_parts()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Let links lead to pages of the site, show code, and set equations aside.

    Args:
        markdown: The page.
        page: Which one.
        config: Of the site.
        files: Of the site.
    """
    outside = outside_pages()
    places = {f"{PAGES}/{file.src_uri}": file.src_uri for file in files}
    places |= outside
    origins = {page: source for source, page in outside.items()}
    to_root = posixpath.relpath(".", posixpath.dirname(page.file.src_uri) or ".")
    origin = origins.get(page.file.src_uri, f"{PAGES}/{page.file.src_uri}")

    def changed(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        if "://" in target or not path:
            return match[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        if wanted in places:
            start = posixpath.dirname(page.file.src_uri) or "."
            inside = posixpath.relpath(places[wanted], start)
            return f"{mark}[{text}]({inside}{hash_sign}{anchor})"
        if not (ROOT / wanted).exists():
            return match[0]  # for MkDocs to complain of
        documented = sources.address(text.strip("`"), to_root)
        if wanted.endswith(".py") and documented:
            return f"[{text}]({documented})"
        return f"{text} (`{wanted}`)"

    aside = _EQUATIONS[page.file.src_uri] = equations.Equations()

    def prepared(part: str) -> str:
        return aside.set_aside(_LINK.sub(changed, part))

    return sources.with_code(_outside_code(markdown, prepared), to_root)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the equations of a page where they belong.

    Args:
        html: What Markdown made of the page.
        page: Which one.
        config: Of the site.
        files: Of the site.
    """
    return _EQUATIONS.pop(page.file.src_uri).put_back(html)


def _outside_code(markdown: str, changed: Callable[[str], str]) -> str:
    """Apply a change to what is not within fenced blocks."""
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [changed(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, changed(markdown[end:])])
