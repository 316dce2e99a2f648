"""Draws what the page shows: overlays, heat maps, a legend; and masks as files."""

from __future__ import annotations

import html
import zipfile
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image

from mmris.utils.file_names import distinct_slugs
from mmris.visualization.overlays import draw_mask, draw_numbers, fit
from mmris.visualization.palette import line_style

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .heat_maps import HeatMap
    from .maps import ProbabilityMaps

View: TypeAlias = Literal["masks", "heat map", "cut-out"]
VIEWS: tuple[View, ...] = get_args(View)
HEAT_MAP: View = "heat map"
# Small pictures are shown larger, with their pixels in view.
_MIN_SIDE, _MAX_SIDE = 640, 1280
_CHECKER = 12  # pixels of a square behind a cut-out
_COLOURS = "inferno"


def draw_view(
    maps: ProbabilityMaps,
    view: View,
    *,
    threshold: float,
    opacity: float,
    heat: HeatMap | None = None,
) -> np.ndarray:
    """Draw a result.

    Args:
        maps: The result.
        view: ``"masks"`` lays all of them over the picture, ``"heat map"`` a map of
            numbers, ``"cut-out"`` shows nothing but what is inside a mask.
        threshold: Probability above which a pixel is inside.
        opacity: Of masks and of the heat map, from 0 to 1.
        heat: The heat map; None for the highest probability of any expression.

    Returns:
        ``(H, W, 3)`` uint8 in RGB order.
    """
    picture = _fit(maps.picture)
    if view == HEAT_MAP:
        values = maps.probabilities.max(axis=0) if heat is None else heat.values
        drawn = draw_heat(picture, values, opacity=opacity)
        if heat is not None and heat.point is not None:
            zoom = drawn.shape[1] / maps.picture.shape[1]
            _draw_ring(drawn, [zoom * (place + 0.5) for place in heat.point])
        return drawn
    masks = [_fit(mask.astype(np.uint8)) for mask in maps.masks(threshold)]
    if view == "cut-out":
        inside = np.any(masks, axis=0)[..., None]
        return np.where(inside, picture, _checkered(picture.shape[:2]))
    styles = [line_style(number) for number in range(len(masks))]
    for mask, style in zip(masks, styles, strict=True):
        picture = draw_mask(picture, mask, style, alpha=opacity)
    if len(masks) > 1:
        size = min(max(14, max(picture.shape[:2]) // 32), 26)
        picture = draw_numbers(picture, masks, styles, size=size)
    return picture


def shown_size(maps: ProbabilityMaps) -> tuple[int, int]:
    """Height and width of what :func:`draw_view` draws.

    Args:
        maps: The result.
    """
    height, width = _fit(maps.picture).shape[:2]
    return height, width


def draw_heat(picture: np.ndarray, values: np.ndarray, *, opacity: float) -> np.ndarray:
    """Lay a map of values over a picture in grey.

    Args:
        picture: ``(H, W, 3)`` uint8 in RGB order.
        values: ``(h, w)`` from 0 to 1, of any size.
        opacity: Of the map, from 0 to 1.

    Returns:
        ``(H, W, 3)`` uint8 in RGB order.
    """
    height, width = picture.shape[:2]
    # OpenCV knows no float16.
    values = cv2.resize(
        values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    table = mpl.colormaps[_COLOURS](np.arange(256), bytes=True)[:, :3]
    colours = table[np.clip(values * 255, 0, 255).round().astype(np.uint8)]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    mixed = (1 - opacity) * grey + opacity * colours
    return np.ascontiguousarray(mixed.round().astype(np.uint8))


def legend_html(
    maps: ProbabilityMaps,
    view: View,
    *,
    name: str,
    threshold: float,
    heat: HeatMap | None = None,
) -> str:
    """The legend: what each colour is, how sure the model is, how large the mask.

    Args:
        maps: The result.
        view: What is drawn.
        name: The model.
        threshold: Probability above which a pixel is inside.
        heat: The heat map, if one is drawn.

    Returns:
        HTML, in which nothing that a person wrote is markup.
    """
    rows = []
    masks = maps.masks(threshold)
    for number, (text, mask) in enumerate(
        zip(maps.expressions, masks, strict=True), start=1
    ):
        red, green, blue = line_style(number - 1).color
        if mask.any():
            sure = float(maps.probabilities[number - 1][mask].astype(np.float32).mean())
            note = f"{100 * sure:.0f} % sure &middot; {100 * mask.mean():.1f} % of area"
        else:
            note = "nothing found at this threshold"
        rows.append(
            f'<li><span class="key" style="--c: rgb({red} {green} {blue})">{number}'
            f'</span><span class="words">{html.escape(text)}</span>'
            f'<span class="note">{note}</span></li>'
        )
    scale = ""
    if view == HEAT_MAP:
        top = "1" if heat is None else heat.top
        meaning = "" if heat is None else heat.meaning
        scale = (
            f'<div class="scale"><span>0</span><i></i><span>{html.escape(top)}</span>'
            f"<em>{html.escape(meaning)}</em></div>"
        )
    return (
        f'<div class="legend"><h3>{html.escape(name)}</h3>{scale}'
        f"<ol>{''.join(rows)}</ol></div>"
    )


def write_masks(maps: ProbabilityMaps, folder: Path, *, threshold: float) -> Path:
    """Write the masks for downloading.

    Args:
        maps: The result.
        folder: Where the file goes.
        threshold: Probability above which a pixel is inside.

    Returns:
        A PNG of 0 and 255 for one expression, a zip archive of them for several.
    """
    names = distinct_slugs(maps.expressions, empty="mask")
    masks = [mask.astype(np.uint8) * 255 for mask in maps.masks(threshold)]
    files = [folder / f"{name}.png" for name in names]
    for file, mask in zip(files, masks, strict=True):
        Image.fromarray(mask).save(file)
    if len(files) == 1:
        return files[0]
    archive = folder / "masks.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in files:
            target.write(file, file.name)
            file.unlink()
    return archive


def _draw_ring(picture: np.ndarray, point: Sequence[float]) -> None:
    """A ring around a point, row and column, that is seen on any ground."""
    row, column = (round(place) for place in point)
    size = max(picture.shape[:2]) // 64
    for color, width in ((0, 5), (255, 2)):
        cv2.circle(picture, (column, row), size, (color,) * 3, width, cv2.LINE_AA)


def _fit(picture: np.ndarray) -> np.ndarray:
    return fit(picture, min_side=_MIN_SIDE, max_side=_MAX_SIDE)


def _checkered(size: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.arange(side) // _CHECKER for side in size)
    dark = (rows[:, None] + columns) % 2
    return np.repeat(np.where(dark, 226, 245).astype(np.uint8)[..., None], 3, axis=2)
