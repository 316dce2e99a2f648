"""One HTML file in which words and places can be pointed at; it needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from mmris.evaluation.report.style import STYLE
from mmris.utils.atomic_files import write_atomically
from mmris.version import __version__
from mmris.visualization.overlays import fit, line_width

from .figures import COLOR_MAP, query_point
from .kinds import KINDS
from .page_script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .explanation import Explanation, ExplanationMap

# Maps of a place for each place grow with the fourth power: in the page they are
# means over at most so many cells along an axis, of what looks and of what is seen.
_QUERY_CELLS = 24
_CELLS = 40

_PAGE_STYLE = """
.stage { display: grid; gap: 22px; margin-top: 20px;
  grid-template-columns: minmax(0, 5fr) minmax(0, 4fr); align-items: start; }
canvas#view { width: 100%; height: auto; display: block; border-radius: 8px;
  cursor: crosshair; }
canvas#ramp { height: 12px; flex: 1; min-width: 60px; max-width: 300px;
  border-radius: 3px; }
#bar { display: flex; gap: 10px; align-items: center; margin-top: 10px;
  font-size: 14px; font-variant-numeric: tabular-nums; }
#bar[hidden] { display: none; }
#value { min-width: 8em; text-align: right; color: var(--note); margin-left: auto; }
#chips { display: flex; flex-wrap: wrap; gap: 7px; margin: 14px 0 0; }
button { font: inherit; color: var(--first); background: var(--card); cursor: pointer;
  border: 1px solid var(--line); border-radius: 7px; padding: 3px 11px; }
button:hover { border-color: var(--first); }
button[aria-pressed=true] { background: var(--first); border-color: var(--first);
  color: #fff; }
.chip { font-size: 18px; color: var(--text); overflow-wrap: anywhere; }
.group { display: flex; flex-wrap: wrap; gap: 5px; align-items: center;
  margin: 0 0 12px; font-size: 14px; }
.group span { flex-basis: 100%; font-weight: 600; }
.settings { display: flex; flex-wrap: wrap; gap: 8px 22px; align-items: center;
  font-size: 14px; margin-top: 14px; }
.settings label { display: flex; gap: 7px; align-items: center; }
select { font: inherit; width: 100%; padding: 6px 8px; border-radius: 7px;
  border: 1px solid var(--line); background: var(--card); color: var(--text); }
#table { overflow-x: auto; margin-top: 14px; }
#table table { width: auto; font-size: 14px; }
#table td { text-align: right; padding: 5px 9px; }
#table th { padding: 5px 9px; font-weight: 500; }
#title { margin: 0 0 4px; } #meaning { margin: 0 0 4px; }
.panel h3 { margin-top: 22px; } #chips:empty, #hint:empty, #table:empty { margin: 0; }
canvas#view { margin-top: 14px; } canvas#view:focus-visible { outline: 3px solid
  var(--first); outline-offset: 2px; }
footer.wrap { padding-top: 26px; }
@media (max-width: 760px) { .stage { grid-template-columns: 1fr; } }
"""
_BODY = """<header><div class="wrap"><p class="note">What a model looked at</p>
<h1>{title}</h1></div></header>
<main class="wrap">
<noscript><p>This page needs JavaScript, which it brings along.</p></noscript>
<div class="stage">
<div>
<label class="note" for="expression">Expression</label>
<select id="expression"></select>
<div id="chips" role="group" aria-label="Words or items of the map"></div>
<p class="note" id="hint"></p>
<canvas id="view" width="{width}" height="{height}" tabindex="0" role="img"
  aria-label="the picture with the map over it"></canvas>
<div id="bar"><span>0</span><canvas id="ramp" width="256" height="12"></canvas>
<span id="high"></span><span id="value"></span></div>
<div class="settings">
<label>Opacity <input id="opacity" type="range" min="0" max="100" value="75"></label>
<label><input id="outline" type="checkbox" checked> Outline of the mask</label>
<label><input id="own" type="checkbox"> Colours by each map's own largest value</label>
</div>
</div>
<div class="panel">
<h2 id="title"></h2><p class="note" id="meaning"></p>
<div id="table"></div>
<h3>Maps</h3><div id="maps"></div>
</div>
</div>
</main>
<footer class="wrap">Made by mmris {version}.</footer>"""


def write_page(path: Path, explanations: Sequence[Explanation], *, title: str) -> None:
    """Write explanations of one picture as a page.

    Args:
        path: The file, ending in .html.
        explanations: One for each expression, of one picture.
        title: Heading of the page.

    Raises:
        ValueError: There is no explanation, the ending is another one, or the pictures
            differ.
    """
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{path}: the page is HTML; give a name in .html")
    if not explanations:
        raise ValueError("there is no explanation to show; give at least one")
    first = explanations[0]
    if any(not np.array_equal(e.picture, first.picture) for e in explanations):
        raise ValueError(
            "the explanations are of different pictures; write a page each"
        )
    picture = fit(first.picture, min_side=640, max_side=1280)
    height, width = picture.shape[:2]
    top, left, rows, columns = first.content_box
    full = first.input_size
    data = {
        "picture": _address(_jpeg(picture), "jpeg"),
        "box": [top / full[0], left / full[1], rows / full[0], columns / full[1]],
        "colors": _colors(),
        "explanations": [_entry(entry, (height, width)) for entry in explanations],
    }
    # "<" would end the block where a sentence contains "</script>".
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    # Nothing is loaded from elsewhere and no other program runs, whatever a sentence
    # says.
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    body = _BODY.format(
        title=escape(title), width=width, height=height, version=__version__
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{_PAGE_STYLE}</style>\n"
        f"</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="data">{text}</script>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
    write_atomically(path, page.encode("utf-8", "replace"))


def _entry(explanation: Explanation, size: tuple[int, int]) -> dict[str, Any]:
    height, width = explanation.mask.shape
    row, column = query_point(explanation, None)
    return {
        "expression": explanation.expression,
        "outline": _address(encode_png_alpha(_outline(explanation, size)), "png"),
        "point": [(row + 0.5) / height, (column + 0.5) / width],
        "maps": [_map(entry) for entry in explanation.maps.values()],
    }


def _map(entry: ExplanationMap) -> dict[str, Any]:
    values = entry.values
    query_size = None
    if entry.has_query_places:
        values = _reduced(values)
        query_size = list(values.shape[:2])
    shape = values.shape
    # What is shown at a time: a map of places, a row of a table.
    parts = values.reshape(-1, *shape[-2:]) if entry.size else values
    rows = parts.reshape(len(parts), -1) if entry.size else np.atleast_2d(parts)
    tops = rows.max(axis=1)
    scaled = rows / np.where(tops > 0, tops, 1)[:, None]
    return {
        "name": entry.name,
        "kind": entry.kind,
        "heading": KINDS[entry.kind].title,
        "place": entry.place.replace("_", " "),
        "title": entry.title,
        "meaning": entry.meaning,
        "axes": list(entry.axes),
        "words": list(entry.words),
        "items": list(entry.items),
        "size": list(shape[-2:]),
        "query_size": query_size,
        "ends_at_one": KINDS[entry.kind].ends_at_one,
        "percent": KINDS[entry.kind].in_percent,
        # Those that are written out are exact.
        "numbers": [] if entry.size else np.round(rows.astype(float), 6).tolist(),
        "tops": [float(f"{top:.4g}") for top in tops],
        "data": base64.b64encode(
            np.round(255 * scaled).astype(np.uint8).tobytes()
        ).decode("ascii"),
    }


def _reduced(values: np.ndarray) -> np.ndarray:
    """Means over cells where there are too many places."""
    rows, columns, height, width = values.shape
    maps = torch.from_numpy(values).reshape(-1, 1, height, width)
    size = min(height, _CELLS), min(width, _CELLS)
    maps = functional.adaptive_avg_pool2d(maps, size).view(rows, columns, -1)
    queries = min(rows, _QUERY_CELLS), min(columns, _QUERY_CELLS)
    maps = functional.adaptive_avg_pool2d(maps.permute(2, 0, 1), queries)
    return maps.permute(1, 2, 0).reshape(*queries, *size).numpy()


def _outline(explanation: Explanation, size: tuple[int, int]) -> np.ndarray:
    """``(H, W, 4)`` uint8, the outline of the mask in white on black."""
    mask = cv2.resize(
        explanation.mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST
    )
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = np.zeros((*size, 4), dtype=np.uint8)
    width = line_width(drawn)
    cv2.drawContours(drawn, contours, -1, (0, 0, 0, 255), thickness=width + 3)
    cv2.drawContours(drawn, contours, -1, (255, 255, 255, 255), thickness=width)
    return drawn


def encode_png_alpha(picture: np.ndarray) -> bytes:
    """A picture with transparency as the content of a PNG file.

    Args:
        picture: ``(H, W, 4)`` uint8.
    """
    _, content = cv2.imencode(".png", picture)
    return content.tobytes()


def _jpeg(picture: np.ndarray) -> bytes:
    _, content = cv2.imencode(
        ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92]
    )
    return content.tobytes()


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _colors() -> list[int]:
    from matplotlib import colormaps  # noqa: PLC0415

    table = colormaps[COLOR_MAP](np.arange(256))[:, :3]
    return [int(value) for value in np.round(255 * table).ravel()]
