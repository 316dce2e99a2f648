"""Reads the text of a config as values, without running it.

MMEngine writes configs as Python source, and reads them by executing it. A config that
comes inside a checkpoint may be a stranger's: here only assignments of plain values
count, and anything else is refused.
"""

from __future__ import annotations

import ast
import math
from typing import Any

# The longest config of mmseg and mmpretrain has some 30,000 characters.
MAX_CHARACTERS = 1_000_000
_CONSTANTS = {"inf": math.inf, "nan": math.nan}


def parse_config_text(text: str, *, source: str) -> dict[str, Any]:
    """Read ``name = value`` lines of plain values.

    Values are numbers, strings, ``True``, ``False``, ``None``, and lists, tuples, sets
    and dicts of them; ``dict(a=1)`` is a dict. That is what ``Config.pretty_text``
    writes of a config, but for classes, which have no plain form.

    Args:
        text: The source text.
        source: Where it comes from, for messages.

    Returns:
        The values by name, in the order of the text.

    Raises:
        ValueError: It is no such text.

    Example:
        >>> parse_config_text("model = dict(type='A', size=(3, 4))", source="here")
        {'model': {'type': 'A', 'size': (3, 4)}}
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"{source} has {len(text)} characters, more than any config "
            f"({MAX_CHARACTERS}). It is not read"
        )
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{source} is no config in Python syntax: {_reason(error)}"
        ) from None
    values: dict[str, Any] = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                values[name] = _value(expression, name, statement.lineno, source)
            case _:
                raise ValueError(
                    f"line {statement.lineno} of {source} is not of the form 'name = "
                    f"value' but {ast.unparse(statement)[:60]!r}. It could run code "
                    "and is refused"
                )
    return values


def _value(expression: ast.expr, name: str, line: int, source: str) -> Any:
    try:
        return ast.literal_eval(_PlainForm().visit(expression))
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{name!r}, line {line} of {source}, is no plain value: {_reason(error)}. "
            "It could run code and is refused"
        ) from None


def _reason(error: BaseException) -> str:
    if isinstance(error, (RecursionError, MemoryError)):
        return "it is nested too deeply"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class _PlainForm(ast.NodeTransformer):
    """Turns the few forms of a config that are no literals into literals."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                names = [keyword.arg for keyword in keywords]
                if None not in names:
                    keys: list[ast.expr | None] = [ast.Constant(n) for n in names]
                    values = [self.visit(keyword.value) for keyword in keywords]
                    return ast.Dict(keys=keys, values=values)
            # How pretty_text writes a dict with keys that are no names.
            case ast.Call(
                func=ast.Name(id="dict"), args=[ast.Dict() as inner], keywords=[]
            ):
                return self.visit_Dict(inner)
            case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
                return node
        raise ValueError(f"it calls {ast.unparse(node.func)[:60]!r}")

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        if None in node.keys:
            raise ValueError("it unpacks a dict")
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in _CONSTANTS:
            return ast.Constant(_CONSTANTS[node.id])
        raise ValueError(f"it names {node.id[:60]!r}")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        raise ValueError(f"it names {ast.unparse(node)[:60]!r}")
