"""Pages made of the code: what may stand in a config, and what may be imported."""

from __future__ import annotations

import inspect
import re
from typing import Any

import mmris.apis
import mmris.datasets
import mmris.deployment
import mmris.engine
import mmris.evaluation
import mmris.explanation
import mmris.models
import mmris.structures
import mmris.utils
import mmris.visualization
from mmris import registry

PACKAGES = (
    mmris.apis,
    mmris.structures,
    mmris.models,
    mmris.datasets,
    mmris.evaluation,
    mmris.engine,
    mmris.visualization,
    mmris.explanation,
    mmris.deployment,
    mmris.utils,
)
_DISPLAYED = re.compile(r"^\.\. math::(.*\n(?:(?: +.*)?\n)*)", flags=re.MULTILINE)
_MATH = re.compile(r":math:`([^`]+)`")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Deviations|Example|Examples):(.*)$"
)
_BULLET = re.compile(r"^ *[-*] (.*)$")
_ENTRY = re.compile(r"^    (\*{0,2}\w[\w, ]*): (.*)$")


def titles() -> dict[str, str]:
    """The pages of the reference by title."""
    found = {"Configuration": "reference/configuration.md"}
    for package in PACKAGES:
        name = package.__name__
        found[name] = f"reference/{name.replace('.', '_')}.md"
    return found


def pages() -> dict[str, str]:
    """The text of each page of the reference."""
    made = {"reference/configuration.md": _configuration()}
    for package in PACKAGES:
        name = package.__name__
        made[f"reference/{name.replace('.', '_')}.md"] = _of_package(package)
    return made


def _configuration() -> str:
    lines = [
        "# Configuration reference",
        "",
        "All classes that a config may name in `type`, with their arguments. Arguments "
        "without a default have to be given, but for those that another part hands in "
        "(marked `from the ...`).",
    ]
    for kind, classes in sorted(_registered().items()):
        lines += ["", f"## {kind.capitalize()}", ""]
        for name, cls in sorted(classes.items()):
            lines += [f"### {name}", "", *_signature(name, cls.__init__, skip=1)]
            lines += _text(cls.__doc__)
    return "\n".join(lines)


def _registered() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for value in vars(registry).values():
        if isinstance(value, registry.Registry):
            value.import_from_location()
            own = {
                name: cls
                for name, cls in value.module_dict.items()
                if cls.__module__.startswith("mmris.")
            }
            if own:
                found[value.name] = own
    return found


def _of_package(package: Any) -> str:
    lines = [f"# {package.__name__}", ""]
    for name in sorted(getattr(package, "__all__", ())):
        member = getattr(package, name)
        if not (inspect.isclass(member) or inspect.isfunction(member)):
            continue
        lines += [f"## {name}", "", *entry(name, member)]
    return "\n".join(lines)


def entry(name: str, member: Any) -> list[str]:
    """Signature, docstring and methods of a class or function, as lines of Markdown.

    Args:
        name: Its name.
        member: The class or function.
    """
    own = member.__init__ if inspect.isclass(member) else member
    lines = _signature(name, own, skip=1 if inspect.isclass(member) else 0)
    lines += _text(member.__doc__)
    return lines + (_methods(member) if inspect.isclass(member) else [])


def _methods(cls: Any) -> list[str]:
    lines: list[str] = []
    for name, member in vars(cls).items():
        if name.startswith("_") or not inspect.isfunction(member):
            continue
        if member.__doc__:
            lines += [f"### {cls.__name__}.{name}", ""]
            lines += [*_signature(name, member, skip=1), *_text(member.__doc__)]
    return lines


def _signature(name: str, function: Any, *, skip: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return []
    shown = []
    for parameter in parameters:
        default = ""
        if parameter.default is not parameter.empty:
            default = f"={re.sub(' at 0x[0-9a-f]+', '', repr(parameter.default))}"
        shown.append(f"    {parameter.name}{default},")
    body = ["(", *shown, ")"] if shown else ["()"]
    return ["```python", "\n".join([f"{name}{body[0]}", *body[1:]]), "```", ""]


def _text(docstring: str | None) -> list[str]:
    """A docstring in Google's style as Markdown."""
    text = _DISPLAYED.sub(_displayed, inspect.cleandoc(docstring or ""))
    # A formula may go over the end of a line, which Markdown's may not.
    text = _MATH.sub(lambda match: f":math:`{' '.join(match[1].split())}`", text)
    lines: list[str] = []
    in_code = in_math = False
    for line in text.splitlines():
        if line == "$$" or in_math:
            in_math = in_math != (line == "$$")
            lines.append(line)
            continue
        if in_code and line and not line.startswith("    "):
            lines += ["```", ""]
            in_code = False
        if in_code:
            lines.append(line.removeprefix("    "))
            continue
        section, entry = _SECTION.match(line), _ENTRY.match(line)
        bullet = _BULLET.match(line)
        if section and section[1].startswith("Example"):
            lines += ["", "```python"]
            in_code = True
        elif section:
            colon = ":" if section[2] else ""
            lines += ["", f"**{section[1]}**{colon}{_plain(section[2])}", ""]
        elif line.endswith("::") and line.strip():
            lines += [_plain(line.removesuffix(":")), "", "```python"]
            in_code = True
        elif entry:
            lines.append(f"* `{entry[1]}`: {_plain(entry[2])}")
        elif bullet:
            # A list begins after an empty line.
            begins = bool(lines) and not lines[-1].startswith(("* ", "  "))
            lines += [""] if begins else []
            lines.append(f"* {_plain(bullet[1])}")
        else:
            lines.append(_plain(line.removeprefix("    ")))
    return [*lines, "```", ""] if in_code else [*lines, ""]


def _displayed(block: re.Match[str]) -> str:
    """The equations of a block, each between double dollars, which have no columns."""
    shown = [
        f"$$\n{line.replace('&', '').strip()}\n$$\n"
        for line in re.split(r"\n\s*\n|\\\\\s", block[1].strip())
        if line.strip()
    ]
    return "\n" + "\n".join(shown) + "\n"


def _plain(text: str) -> str:
    """Without the roles and double quotes of reStructuredText."""
    text = _MATH.sub(r"`$\1$`", text)
    text = _ROLE.sub(r"`\1`", text).replace("``", "`")
    # Outside of code, angle brackets would be tags and brackets links.
    parts = text.split("`")
    parts[::2] = [
        re.sub(r"([<\[\]*_])", r"\\\1", part).replace("\\\\", "\\")
        for part in parts[::2]
    ]
    # Formulae stand between dollars, not in code.
    return re.sub(r"`(\$[^`]+\$)`", r"\1", "`".join(parts))
