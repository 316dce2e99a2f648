"""What ``mmris segment`` does once its options are understood."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from mmris.apis import RefSegInferencer
from mmris.apis.pairing import pair
from mmris.apis.picture_sources import (
    find_pictures,
    is_video,
    open_video,
    read_frames,
)
from mmris.apis.result_files import (
    OverlayVideo,
    ResultFiles,
    make_folder,
    score_in_words,
)
from mmris.utils import trusted_checkpoints
from mmris.utils.file_names import printable, slug
from mmris.utils.tool_errors import run_tool
from mmris.utils.weight_files import find_weights

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    import numpy as np

    from mmris.apis import RefSegPrediction
    from mmris.apis.picture_sources import Source, Video


@dataclass(frozen=True)
class _Input:
    """The pictures of a run.

    Attributes:
        sources: One after the other.
        count: How many there are, as far as is known.
        video: Where they come from, if not from files of their own.
    """

    sources: Iterable[Source]
    count: int
    video: Video | None = None

    @property
    def is_one_picture(self) -> bool:
        """Whether it is a single file."""
        return self.video is None and self.count == 1


def run(args: argparse.Namespace) -> int:
    """Segment; 2 if something is wrong.

    Args:
        args: The options of :mod:`mmris.cli.segment`.
    """
    return run_tool(lambda: segment(args), debug=args.debug)


def segment(args: argparse.Namespace) -> int:
    """Segment all pictures and write the results.

    Args:
        args: The options.
    """
    # Mistakes that cost nothing to find come before the model is built.
    expressions = _expressions(args)
    pair("", expressions)
    given = _open(args)
    folder = make_folder(args.out_dir)
    checkpoint = args.checkpoint
    if checkpoint is not None:
        checkpoint = find_weights(checkpoint, args.sha256)
    elif args.sha256 is not None:
        raise ValueError("--sha256 is the checksum of --checkpoint, which is not given")
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        inferencer = RefSegInferencer(
            args.config,
            checkpoint,
            args.device,
            model=args.model,
            threshold=args.threshold,
        )
    with ExitStack() as stack:
        files = ResultFiles(folder, args.save, alpha=args.opacity)
        results = stack.enter_context(files)
        clip = None
        if given.video is not None and "overlay" in args.save:
            path = folder / f"{slug(given.video.path.stem) or 'video'}_all.mp4"
            rate = given.video.rate / args.every
            clip = OverlayVideo(path, rate=rate, alpha=args.opacity)
            stack.enter_context(clip)
        return _segment_all(inferencer, given, expressions, results, clip)


def _expressions(args: argparse.Namespace) -> list[str]:
    expressions = list(args.expressions)
    if args.expressions_from is not None:
        try:
            text = Path(args.expressions_from).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"the expressions of {args.expressions_from} cannot be read: {error}; "
                "give a text file in UTF-8, one expression a line"
            ) from error
        expressions += [line.strip() for line in text.splitlines() if line.strip()]
    if not expressions:
        raise ValueError(
            "no expression is given: write it behind the picture, in quotes, or name "
            "a file with --expressions-from"
        )
    return expressions


def _open(args: argparse.Namespace) -> _Input:
    path = Path(args.input)
    if is_video(path) and not path.is_dir():
        video = open_video(path)
        frames = read_frames(video, every=args.every)
        return _Input(frames, math.ceil(video.frames / args.every), video)
    sources = find_pictures(path, recursive=args.recursive)
    if len(sources) == 1:
        sources[0].read()  # before the model is built
    return _Input(sources, len(sources))


def _segment_all(
    inferencer: RefSegInferencer,
    given: _Input,
    expressions: list[str],
    results: ResultFiles,
    clip: OverlayVideo | None,
) -> int:
    done, failed = 0, 0
    progress = tqdm(
        given.sources,
        total=given.count or None,
        unit="picture" if given.video is None else "frame",
        # One picture takes no time, and elsewhere nobody may be watching.
        disable=True if given.is_one_picture else None,
    )
    for source in progress:
        picture = _read(source, progress, may_fail=not given.is_one_picture)
        if picture is None:
            failed += 1
            continue
        found = inferencer(picture, expressions, channel_order="bgr")
        written = results.write(source, picture, found)
        if clip is not None:
            clip.write(picture, found)
        if given.is_one_picture:
            _report(found, [results.folder / name for name in written])
        done += 1
    if clip is not None:
        _say(f"wrote {clip.path}")
    if not given.is_one_picture:
        what = "frames" if given.video is not None else "pictures"
        _say(f"wrote {results.files} files of {done} {what} to {results.folder}")
    _say(f"wrote {results.path}")
    if failed:
        sys.stderr.write(f"error: {failed} of {given.count} pictures were left out\n")
        return 2
    return 0


def _read(
    source: Source, progress: tqdm[Source], *, may_fail: bool
) -> np.ndarray | None:
    """A picture; None if it cannot be read, which does not stop the others."""
    try:
        return source.read()
    except (OSError, ValueError) as error:
        if not may_fail:
            raise
        progress.write(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return None


def _report(found: RefSegPrediction, written: list[Path]) -> None:
    for row, text in enumerate(found.expressions):
        share = 100 * found.masks[row].mean()
        note = score_in_words(found, row)
        _say(f"{printable(text)!r}: {note}, {share:.1f} % of the image")
    for path in written:
        _say(f"wrote {path}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
