"""Equations of pages: LaTeX between dollars, shown by browsers without a script.

A page has ``$$ ... $$`` on lines of its own and ``$ ... $`` within a line, which the
code's host shows as well. In the site each becomes MathML, while it is built.
"""

from __future__ import annotations

import re

from latex2mathml.converter import convert

_DISPLAYED = re.compile(r"^\$\$\n(.+?)\n\$\$$", flags=re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\w$\\`])\$(?=\S)([^$`]+?)(?<=\S)\$(?![\w$`])")
_CODE = re.compile(r"(`[^`]+`)")
# Left of what the converter does not know: commands, and columns of an alignment.
_UNKNOWN = re.compile(r"<m\w+>(?:\\[^<]*|&(?:amp;)?)</m\w+>")


class Equations:
    """The equations of one page while Markdown turns it into HTML.

    Markdown would find emphasis in them, so that they are words until it is done.
    """

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def set_aside(self, markdown: str) -> str:
        """Take the equations out.

        Args:
            markdown: Text of a page without fenced blocks.

        Returns:
            The same with a word in the place of each equation.

        Raises:
            ValueError: An equation has a command that is not known.
        """
        markdown = _DISPLAYED.sub(
            lambda match: f"\n{self._word(match[1], display='block')}\n", markdown
        )
        parts = _CODE.split(markdown)
        parts[::2] = [
            _INLINE.sub(lambda match: self._word(match[1], display="inline"), part)
            for part in parts[::2]
        ]
        return "".join(parts)

    def put_back(self, html: str) -> str:
        """Put the equations into their places.

        Args:
            html: What Markdown made of the page.

        Returns:
            The page with MathML.
        """
        return re.sub(
            r"equation\d+here", lambda match: self._made.get(match[0], match[0]), html
        )

    def _word(self, latex: str, *, display: str) -> str:
        word = f"equation{len(self._made)}here"
        self._made[word] = mathml(latex, display=display)
        return word


def mathml(latex: str, *, display: str) -> str:
    """An equation as MathML.

    Args:
        latex: What stands between the dollars.
        display: ``"block"`` or ``"inline"``.

    Returns:
        A ``math`` element.

    Raises:
        ValueError: There is a command in it that is not known.
    """
    made: str = convert(" ".join(latex.split()), display=display)
    unknown = _UNKNOWN.search(made)
    if unknown:
        raise ValueError(f"equation {latex!r}: {unknown[0]} cannot be shown")
    return made
