"""Code within pages: taken from mmris when the site is built, so that it is never old.

``<!-- source: mmris.models.layers.unit_length:unit_length -->`` on a line of its own
becomes the code of that function, class or method without its docstring, and a line
that says where it is from. Where the page is read as a file the line is not seen.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import reference

DIRECTIVE = re.compile(r"^<!-- source: ([\w.]+):([\w.]+) -->$", flags=re.MULTILINE)
INNER_PARTS = "reference/parts_of_parts.md"
_ROOT = Path(__file__).resolve().parents[2]


def with_code(markdown: str, to_root: str) -> str:
    """Put the code into a page.

    Args:
        markdown: The page.
        to_root: Way from the page to the root of the site, such as ``".."``.

    Returns:
        The page with a fenced block in the place of each directive.

    Raises:
        ValueError: A directive names something that is not there.
    """

    def block(match: re.Match[str]) -> str:
        found = named(match[1], match[2])
        path = Path(inspect.getfile(found)).relative_to(_ROOT)
        line = inspect.getsourcelines(found)[1]
        place = address(match[2], to_root)
        name = f"[`{match[2]}`]({place})" if place else f"`{match[2]}`"
        return f"{name}, `{path}`, line {line}:\n\n```python\n{code(found)}\n```"

    return DIRECTIVE.sub(block, markdown)


def named(module: str, name: str) -> Any:
    """What a directive names.

    Args:
        module: Such as ``"mmris.models.layers.unit_length"``.
        name: In it, such as ``"Class.method"``.

    Returns:
        The function, class or method.

    Raises:
        ValueError: There is no such thing.
    """
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = inspect.getattr_static(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"a page shows the source of {module}:{name}, which is not there: {error}"
        ) from error
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    return inspect.unwrap(found)


def code(found: Any) -> str:
    """The code of a function, class or method without its docstring.

    Args:
        found: From :func:`named`.
    """
    lines = textwrap.dedent(inspect.getsource(found)).rstrip().splitlines()
    (definition,) = ast.parse("\n".join(lines)).body
    first = getattr(definition, "body", [None])[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        end = first.end_lineno or first.lineno
        del lines[first.lineno - 1 : end]
    return "\n".join(lines)


def inner_parts() -> str:
    """A page on the classes that pages show the code of and no package hands out."""
    lines = [
        "# Parts of parts",
        "",
        "Classes and functions that the public ones are made of, as far as "
        "[the pages on the systems](../systems/cmsa.md) show their code. Import them "
        "from the modules that are named here; they may change more often than the "
        "public ones.",
    ]
    for name, module in sorted(_inner().items()):
        lines += ["", f"## {name}", "", f"`{module}`", ""]
        lines += reference.entry(name, named(module, name))
    return "\n".join(lines)


@cache
def _public() -> dict[str, str]:
    """Pages of the reference by the names of the classes and functions on them."""
    pages = reference.titles()
    return {
        name: pages[package.__name__]
        for package in reversed(reference.PACKAGES)
        for name in package.__all__
    }


@cache
def _inner() -> dict[str, str]:
    """Modules by the names of what is on no page of a package."""
    shown = [
        match
        for path in sorted((_ROOT / "docs" / "en").rglob("*.md"))
        for match in DIRECTIVE.findall(path.read_text(encoding="utf-8"))
    ]
    owners = {name.partition(".")[0]: module for module, name in shown}
    return {name: module for name, module in owners.items() if name not in _public()}


def address(name: str, to_root: str) -> str | None:
    """Where the reference has a class, function or method.

    Args:
        name: Such as ``"Class.method"``.
        to_root: Way from a page to the root of the site.

    Returns:
        A link from that page, of a private method to its class; None for what is not in
        the reference.
    """
    owner, _, member = name.partition(".")
    if owner in _inner():
        page, found = INNER_PARTS, named(_inner()[owner], owner)
    elif owner in _public():
        page = _public()[owner]
        packages = {package.__name__: package for package in reference.PACKAGES}
        titles = {address: title for title, address in reference.titles().items()}
        found = getattr(packages[titles[page]], owner)
    else:
        return None
    own = vars(found).get(member) if member and inspect.isclass(found) else None
    shown = inspect.isfunction(own) and own.__doc__ and not member.startswith("_")
    anchor = (f"{owner}{member}" if shown else owner).lower()
    return f"{to_root}/{page}#{anchor}"
