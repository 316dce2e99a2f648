"""Segments what sentences refer to, without torch and without mmris.

``tools/deployment/export.py`` puts a copy of this file beside the graphs of a model. It
takes numpy, Pillow, OpenCV and onnxruntime, and, for a model with subwords, tokenizers.

From the command line, in a folder with ``model.json``::

    python segment_onnx.py photo.jpg "the red circle" "the ring" --out-dir masks

From Python::

    segment = Segmenter("exported")
    found = segment(read_picture("photo.jpg"), ["the red circle", "the ring"])
    found.masks.shape, found.scores
"""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = "model.json"
_FORMAT = 1
_UNKNOWN = "<unk>"
_MARKS = ("Mn", "Mc")
_VARIATION_SELECTORS = dict.fromkeys(range(0xFE00, 0xFE10))
# Formats in which Pillow gives 16-bit pixels as 32-bit integers of the same range.
_FORMATS_OF_16_BITS = ("PNG", "PPM")
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Found:
    """What was found in a picture of height h and width w.

    Attributes:
        masks: ``(K, h, w)`` bool.
        scores: ``(K,)``, the mean probability of the pixels in the mask; 0 if empty.
        logits: ``(K, h, w)`` before the sigmoid, if asked for.
        head_logits: ``(K, h', w')``, as the graph gave them, of its whole input.
    """

    masks: np.ndarray
    scores: np.ndarray
    logits: np.ndarray | None
    head_logits: np.ndarray


class Segmenter:
    """Runs the graphs of one exported model.

    Args:
        folder: Where ``model.json`` lies.
        precision: Which graphs: ``"float32"`` or, if they were written, ``"int8"``.
        num_threads: Threads of ONNX Runtime; None leaves the choice to it.
        sessions: What runs in the place of the graphs of the folder; None for these.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: The folder has no such graphs, or is of a newer format.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        precision: str = "float32",
        num_threads: int | None = None,
        sessions: Sequence[Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        path = self.folder / DESCRIPTION
        if not path.is_file():
            raise FileNotFoundError(
                f"no {path}; give the folder that tools/deployment/export.py wrote"
            )
        self.description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if self.description.get("format") != _FORMAT:
            raise ValueError(
                f"{path} has format {self.description.get('format')!r}, this program "
                f"reads {_FORMAT}; use the segment_onnx.py that lies beside it"
            )
        self.input: dict[str, Any] = self.description["input"]
        self._tokenize = _make_tokenizer(self.folder, self.description["tokenizer"])
        if sessions is None:
            sessions = self._open(precision, num_threads)
        self._sessions = list(sessions)

    def _open(self, precision: str, num_threads: int | None) -> list[Any]:
        known = self.description["graphs"]
        if precision not in known:
            raise ValueError(
                f"{self.folder} has no graphs of precision {precision!r}, only "
                f"{', '.join(known)}; export with --int8 to have int8"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: unused constants are no news
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        return [
            onnxruntime.InferenceSession(
                str(self.folder / name), options, providers=["CPUExecutionProvider"]
            )
            for name in known[precision]
        ]

    def __call__(
        self,
        picture: np.ndarray,
        expressions: Sequence[str],
        *,
        with_logits: bool = False,
    ) -> Found:
        """Segment.

        Args:
            picture: ``(h, w, 3)`` uint8 in RGB order, see :func:`read_picture`.
            expressions: K sentences.
            with_logits: Whether to return the logits as well.

        Raises:
            TypeError: ``expressions`` is a lone string.
            ValueError: No sentence, or a blank one.
        """
        ids, mask = self.words(expressions)
        image, box = self.image(picture)
        values = {"images": image}
        *first, last = self._sessions
        for session in first:  # the picture's part, once
            values.update(_run(session, values))
        step = self.description["expressions_per_chunk"]
        masks, scores, kept, of_head = [], [], [], []
        for start in range(0, len(ids), step):
            rows = slice(start, start + step)
            values["ids"], values["mask"] = ids[rows], mask[rows]
            values["image_index"] = np.zeros(len(ids[rows]), dtype=np.int64)
            for logits in _run(last, values)["logits"][:, 0]:
                restored = self._restore(logits, box, picture.shape[:2])
                inside = restored > self._threshold
                masks.append(inside)
                scores.append(_score(restored[inside]))
                of_head.append(logits)
                if with_logits:
                    kept.append(restored)
        return Found(
            masks=np.stack(masks),
            scores=np.asarray(scores, dtype=np.float32),
            logits=np.stack(kept) if with_logits else None,
            head_logits=np.stack(of_head),
        )

    def words(self, expressions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Number the words of sentences, padded on the right.

        Args:
            expressions: K sentences.

        Returns:
            ``(K, T)`` int64, and ``(K, T)`` bool, True on words.
        """
        if isinstance(expressions, str):
            raise TypeError("expressions is one string; give a list of strings")
        if not expressions or not all(text.strip() for text in expressions):
            raise ValueError(
                f"expressions is {expressions!r}; give sentences, no blank"
            )
        rows = self._tokenize(list(expressions))
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=bool)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = True
        return ids, mask

    def image(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
        """Resize and normalise a picture.

        Args:
            picture: ``(h, w, 3)`` uint8, RGB.

        Returns:
            ``(1, 3, H, W)`` float32, and the ``(top, left, height, width)`` of the part
            of it that shows the picture.
        """
        size = tuple(self.input["size"])
        top, left, height, width = box = self._content_box(*picture.shape[:2])
        canvas = np.full((*size, 3), self.input["pad_value"], dtype=np.uint8)
        canvas[top : top + height, left : left + width] = cv2.resize(
            picture, (width, height), interpolation=cv2.INTER_LINEAR
        )
        if self.input["channels"] == "bgr":
            canvas = canvas[..., ::-1]
        mean = np.asarray(self.input["mean"], dtype=np.float32)
        std = np.asarray(self.input["std"], dtype=np.float32)
        normalised = (canvas.astype(np.float32) - mean) / std
        return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None]), box

    @property
    def _threshold(self) -> float:
        share = self.description["threshold"]
        return float(np.float32(np.log(share / (1 - share))))

    def _content_box(self, height: int, width: int) -> tuple[int, ...]:
        rows, columns = self.input["size"]
        if not self.input["keep_ratio"]:
            return 0, 0, rows, columns
        scale = min(rows / height, columns / width)
        inner_height = min(max(round(height * scale), 1), rows)
        inner_width = min(max(round(width * scale), 1), columns)
        top, left = (rows - inner_height) // 2, (columns - inner_width) // 2
        return top, left, inner_height, inner_width

    def _restore(
        self, logits: np.ndarray, box: tuple[int, ...], size: tuple[int, int]
    ) -> np.ndarray:
        """Logits ``(h', w')`` of the whole input, at the picture's own size."""
        top, left, height, width = box
        at_input = resize_map(logits, tuple(self.input["size"]))
        return resize_map(at_input[top : top + height, left : left + width], size)


def resize_map(values: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resize a map bilinearly with half-pixel centres.

    Args:
        values: ``(h, w)`` float32.
        size: Height and width wanted.

    Returns:
        Of that size, float32.
    """
    for axis, wanted in enumerate(size):
        length = values.shape[axis]
        if length == wanted:
            continue
        scale = np.float32(length / wanted)
        centres = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * scale
        centres = np.maximum(centres - np.float32(0.5), 0)
        first = np.minimum(centres.astype(np.int64), length - 1)
        second = np.minimum(first + 1, length - 1)
        share = (centres - first).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        values = (
            values.take(first, axis) * (1 - share) + values.take(second, axis) * share
        )
    return values


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture of any common kind, turned upright, transparency on white.

    Args:
        path: Its file.

    Returns:
        ``(h, w, 3)`` uint8 in RGB order.

    Raises:
        ValueError: Its pixels are of a kind of unknown range.
    """
    image: Image.Image = Image.open(path)
    image.load()
    has_16_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in _FORMATS_OF_16_BITS
    )
    image = ImageOps.exif_transpose(image)
    if has_16_bits:
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError(
            f"{path} has pixels of mode {image.mode!r} (32 bits), of which nobody "
            "knows what is white; save it with 8 or 16 bits a channel"
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, _WHITE)
        image = Image.alpha_composite(background, image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def cut_into_words(sentence: str) -> list[str]:
    """Lower-case runs of letters, digits and underscores of any script.

    Args:
        sentence: The sentence.

    Returns:
        At least one word; that of unknown words if there is none.
    """
    text = unicodedata.normalize("NFC", sentence.translate(_VARIATION_SELECTORS))
    runs = groupby(text.lower(), key=_is_part_of_word)
    words = ["".join(run) for is_word, run in runs if is_word]
    return [word for word in words if any(map(_starts_word, word))] or [_UNKNOWN]


def _starts_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_part_of_word(character: str) -> bool:
    return _starts_word(character) or unicodedata.category(character) in _MARKS


def _make_tokenizer(folder: Path, settings: dict[str, Any]) -> Any:
    path = folder / settings["file"]
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; copy the whole folder of the model")
    if settings["kind"] == "words":
        return _Words(json.loads(path.read_text(encoding="utf-8")), settings)
    return _Subwords(path, settings)


class _Words:
    def __init__(self, words: list[str], settings: dict[str, Any]) -> None:
        self.numbers = {word: number for number, word in enumerate(words) if word}
        self.limit = settings["max_words"]

    def __call__(self, sentences: list[str]) -> list[list[int]]:
        unknown = self.numbers[_UNKNOWN]
        return [
            [self.numbers.get(word, unknown) for word in cut_into_words(text)][
                : self.limit
            ]
            for text in sentences
        ]


class _Subwords:
    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415  # only such models
        except ImportError as error:
            raise ImportError(
                f"{path} takes the package tokenizers; pip install tokenizers"
            ) from error
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.settings = settings

    def __call__(self, sentences: list[str]) -> list[list[int]]:
        return [self._row(self.tokenizer.encode(text).ids) for text in sentences]

    def _row(self, row: list[int]) -> list[int]:
        first, last = self.settings["num_leading"], self.settings["num_trailing"]
        end = len(row) - last
        words = row[first:end] or [self.settings["unknown"]]
        if self.settings["max_tokens"] is not None:
            words = words[: self.settings["max_tokens"] - first - last]
        return [*row[:first], *words, *row[end:]]


def _run(session: Any, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    wanted = {given.name: values[given.name] for given in session.get_inputs()}
    names = [given.name for given in session.get_outputs()]
    return dict(zip(names, session.run(names, wanted), strict=True))


def _score(logits: np.ndarray) -> float:
    return float((1 / (1 + np.exp(-logits))).mean()) if len(logits) else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Segment one picture and write its masks.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Masks of what sentences refer to, by ONNX Runtime."
    )
    parser.add_argument("image", help="picture file")
    parser.add_argument("expressions", nargs="+", metavar="EXPRESSION")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(__file__).parent,
        help="folder with model.json; that of this program if not given",
    )
    parser.add_argument("--precision", default="float32", help="float32 or int8")
    parser.add_argument("--threads", type=int, help="threads of ONNX Runtime")
    parser.add_argument(
        "--out-dir", type=Path, default=Path("masks"), help="where the masks go"
    )
    args = parser.parse_args(arguments)
    try:
        segment = Segmenter(
            args.model, precision=args.precision, num_threads=args.threads
        )
        found = segment(read_picture(args.image), args.expressions)
    except (ImportError, OSError, TypeError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(args.expressions):
        path = args.out_dir / f"{Path(args.image).stem}_{number + 1}.png"
        Image.fromarray(found.masks[number].astype(np.uint8) * 255).save(path)
        share = 100 * found.masks[number].mean()
        sys.stdout.write(
            f"{path}: {text!a}, score {found.scores[number]:.2f}, "
            f"{share:.1f} % of the image\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
