"""One HTML file of items as the model is fed them; it needs nothing else."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from .palette import line_style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from .item_pictures import DrawnItem, ItemSentence

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 1300px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.1em; margin: 2em 0 .4em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .2em .8em .2em 0; text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
img { max-width: 100%; display: block; } ol { margin: .5em 0; }
li { overflow-wrap: anywhere; } .note { color: #555; font-size: 13px; }
.wrong { color: #b00020; font-weight: 600; }
.sign { display: inline-block; width: 1.6em; height: .8em; margin-right: .5em; }
"""
# No script, no frame, nothing from elsewhere, whatever a sentence says.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def encode_png(picture: np.ndarray) -> bytes:
    """A picture as the content of a PNG file.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB.
    """
    _, content = cv2.imencode(".png", picture[..., ::-1])
    return content.tobytes()


def item_page(title: str, facts: Mapping[str, Any], items: Sequence[DrawnItem]) -> str:
    """Write the page.

    Args:
        title: Its heading.
        facts: What stands at the top, by name.
        items: The items.

    Returns:
        HTML.
    """
    vanished = sum(s.vanished for item in items for s in item.sentences)
    rows = "".join(
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
        for name, value in facts.items()
    )
    warning = (
        f'<p class="wrong">{vanished} of the sentences shown name something of which '
        "the transforms leave no pixel.</p>"
        if vanished
        else ""
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{_text(title)}</h1>\n<table>{rows}</table>\n{warning}\n"
        + "\n".join(part for item in items for part in _item(item))
        + "\n</body></html>\n"
    )


def _item(item: DrawnItem) -> Iterator[str]:
    yield f"<h2>Item {item.index}: picture {_text(item.meta.get('image_id', ''))}</h2>"
    height, width = item.size
    notes = [
        Path(str(item.meta.get("img_path", ""))).name,
        f"input {height} x {width} pixels (height x width)",
    ]
    if "ori_shape" in item.meta:
        notes.append("originally {} x {}".format(*item.meta["ori_shape"]))
    if item.meta.get("flip"):
        notes.append("mirrored")
    box = item.meta.get("content_box")
    if box is not None and tuple(box) != (0, 0, height, width):
        notes.append("content at row {}, column {}, {} x {}".format(*box))
    notes.append(f"masks on {item.masks_at}")
    note = " \N{MIDDLE DOT} ".join(filter(None, notes))
    yield f'<p class="note">{_text(note)}</p>'
    address = base64.b64encode(encode_png(item.panels)).decode("ascii")
    yield f'<img src="data:image/png;base64,{address}" alt="input and masks">'
    yield "<ol>"
    for number, sentence in enumerate(item.sentences):
        yield _sentence(number, sentence)
    yield "</ol>"


def _sentence(number: int, sentence: ItemSentence) -> str:
    red, green, blue = line_style(number).color
    area = sentence.size[0] * sentence.size[1]
    note = f"reference {sentence.ref_id}, {sentence.pixels} pixels"
    note += f" ({100 * sentence.pixels / area:.2f} percent)"
    if sentence.kind:
        note = f"{sentence.kind}, {note}"
    state = ""
    if sentence.vanished:
        state = ' <span class="wrong">no pixel is left</span>'
    elif not sentence.pixels:
        state = " nothing in the picture"
    return (
        f'<li><span class="sign" style="background: rgb({red}, {green}, {blue})">'
        f"</span><bdi>{_text(sentence.text)}</bdi> "
        f'<span class="note">{_text(note)}</span>{state}</li>'
    )


def _text(value: Any) -> str:
    # Halves of surrogate pairs cannot be written to a file.
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return escape(text)
