"""Writes what was found: masks, outlines, cut-outs, overlays, and a list of it all."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from mmris.datasets.masks import encode_mask
from mmris.utils.file_names import slug
from mmris.visualization import RefSegVisualizer

from .mask_shapes import cut_out, mask_box, mask_polygons

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from .picture_sources import Source
    from .ref_seg_prediction import RefSegPrediction

FORMS = ("overlay", "mask", "cutout", "box", "polygon", "rle")
LIST_NAME = "results.jsonl"
# Longer sides of overlays, in pixels.
_MIN_SIDE, _MAX_SIDE = 512, 1280


def make_folder(path: str) -> Path:
    """Make a folder that files can be written into.

    Args:
        path: The folder.

    Raises:
        OSError: It cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"the folder {path} cannot be written ({error.strerror}); choose another "
            "with --out-dir"
        ) from error
    return folder


def score_in_words(prediction: RefSegPrediction, row: int) -> str:
    """The score of an expression, or that its mask is empty.

    Args:
        prediction: Of a picture.
        row: Of the expression.
    """
    if not prediction.masks[row].any():
        return "nothing found"
    return f"score {prediction.scores[row]:.2f}"


def overlay_names(stem: str, expressions: Sequence[str]) -> list[str]:
    """Start of the names of the results of each expression.

    Args:
        stem: That of the picture.
        expressions: Its expressions.
    """
    digits = len(str(len(expressions)))
    names = []
    for row, expression in enumerate(expressions):
        parts = [stem, f"{row + 1:0{digits}d}", slug(expression)]
        names.append("_".join(part for part in parts if part))
    return names


def draw_results(
    picture: np.ndarray, prediction: RefSegPrediction, rows: list[int], *, alpha: float
) -> np.ndarray:
    """Draw the masks of some expressions over their picture, with a legend.

    Args:
        picture: ``(H, W, 3)`` uint8 in BGR order.
        prediction: Of the picture.
        rows: Of the expressions.
        alpha: Opacity of the masks, from 0 to 1.

    Returns:
        ``(H', W', 3)`` uint8 in RGB order.
    """
    return _visualizer(alpha).draw_overlay(
        np.ascontiguousarray(picture[..., ::-1]),
        prediction.masks[rows],
        [prediction.expressions[row] for row in rows],
        notes=[score_in_words(prediction, row) for row in rows],
    )


def _visualizer(alpha: float) -> RefSegVisualizer:
    return RefSegVisualizer(
        "results", alpha=alpha, min_side=_MIN_SIDE, max_side=_MAX_SIDE
    )


class ResultFiles:
    """Writes results into a folder, each as soon as it is there.

    ``results.jsonl`` gets a line for each picture and expression; masks (PNG of 0 and
    255), cut-outs (PNG with alpha) and overlays are files of their own. Files of the
    same names are replaced.

    Args:
        folder: Where they go.
        forms: Some of :data:`FORMS`.
        alpha: Opacity of the masks in overlays, from 0 to 1.
    """

    def __init__(self, folder: Path, forms: Sequence[str], *, alpha: float) -> None:
        self.folder = folder
        self.forms = frozenset(forms)
        self.alpha = alpha
        self.path = folder / LIST_NAME
        self.files = 0
        self._list = self.path.open("w", encoding="utf-8")

    def __enter__(self) -> ResultFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._list.close()

    def write(
        self, source: Source, picture: np.ndarray, prediction: RefSegPrediction
    ) -> list[str]:
        """Write the results of a picture.

        Args:
            source: Where it comes from.
            picture: ``(H, W, 3)`` uint8 in BGR order.
            prediction: What was found.

        Returns:
            Names of the files that were written, but for the list.
        """
        names = overlay_names(source.stem, prediction.expressions)
        written = []
        for row, name in enumerate(names):
            files = self._files(picture, prediction, row, name)
            written += list(files.values())
            entry = self._entry(source, prediction, row) | {"files": files}
            self._list.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._list.flush()
        if "overlay" in self.forms and source.frame is None:
            rows = list(range(len(names)))
            drawn = draw_results(picture, prediction, rows, alpha=self.alpha)
            written.append(self._save(f"{source.stem}_all.png", drawn))
        self.files += len(written)
        return written

    def _entry(
        self, source: Source, prediction: RefSegPrediction, row: int
    ) -> dict[str, Any]:
        mask = prediction.masks[row]
        entry: dict[str, Any] = {"image": str(source.path)}
        if source.frame is not None:
            entry |= {"frame": source.frame, "seconds": source.seconds}
        entry |= {
            "size": list(mask.shape),
            "expression": prediction.expressions[row],
            "score": round(float(prediction.scores[row]), 4),
            "area": int(mask.sum()),
        }
        if "box" in self.forms:
            entry["box"] = mask_box(mask)
        if "polygon" in self.forms:
            entry["polygons"], entry["holes"] = mask_polygons(mask)
        if "rle" in self.forms:
            entry["rle"] = encode_mask(mask)
        return entry

    def _files(
        self, picture: np.ndarray, prediction: RefSegPrediction, row: int, name: str
    ) -> dict[str, str]:
        mask, files = prediction.masks[row], {}
        if "mask" in self.forms:
            pixels = mask.astype(np.uint8) * 255
            files["mask"] = self._save(f"{name}_mask.png", pixels)
        if "cutout" in self.forms:
            cut = cut_out(picture[..., ::-1], mask)
            if cut is not None:
                files["cutout"] = self._save(f"{name}_cutout.png", cut)
        return files

    def _save(self, name: str, pixels: np.ndarray) -> str:
        Image.fromarray(np.ascontiguousarray(pixels)).save(self.folder / name)
        return name


class OverlayVideo:
    """Writes overlays as a video, ``.mp4``.

    Args:
        path: The file; one that is there is replaced.
        rate: Frames a second.
        alpha: Opacity of the masks, from 0 to 1.

    Raises:
        OSError: OpenCV cannot write such a file, found with the first frame.
    """

    def __init__(self, path: Path, *, rate: float, alpha: float) -> None:
        self.path = path
        self.rate = rate
        self.visualizer = _visualizer(alpha)
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> OverlayVideo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()

    def write(self, picture: np.ndarray, prediction: RefSegPrediction) -> None:
        """Add a frame.

        Args:
            picture: ``(H, W, 3)`` uint8 in BGR order, all of one size.
            prediction: What was found, always of the same expressions.
        """
        # Without scores: a legend whose height changes would change the frame's.
        drawn = self.visualizer.draw_overlay(
            np.ascontiguousarray(picture[..., ::-1]),
            prediction.masks,
            prediction.expressions,
        )
        # Encoders want even sizes.
        height, width = (side - side % 2 for side in drawn.shape[:2])
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(
                str(self.path), code, self.rate, (width, height)
            )
            if not self._writer.isOpened():
                raise OSError(
                    f"OpenCV cannot write the video {self.path}; leave overlay out of "
                    "--save"
                )
        self._writer.write(np.ascontiguousarray(drawn[:height, :width, ::-1]))
