"""Pictures one after the other, from a file, a folder or a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from mmris.utils.file_names import distinct_slugs

from .pictures import to_bgr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

PICTURE_ENDINGS = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
VIDEO_ENDINGS = (
    *(".avi", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpeg", ".mpg", ".webm"),
)


@dataclass(frozen=True)
class Source:
    """A picture that is read when it is its turn, or a frame of a video.

    Attributes:
        path: The file.
        stem: Start of the names of its results, which no other of the run has.
        frame: Number of the frame, from 0; None for a picture.
        seconds: Time of the frame from the start of the video.
        pixels: Those of a frame, ``(H, W, 3)`` uint8 in BGR order.
    """

    path: Path
    stem: str
    frame: int | None = None
    seconds: float | None = None
    pixels: np.ndarray | None = None

    def read(self) -> np.ndarray:
        """The picture, ``(H, W, 3)`` uint8 in BGR order, upright.

        Raises:
            ValueError: The file is no complete picture.
        """
        if self.pixels is not None:
            return self.pixels
        return to_bgr(self.path, channel_order=None)


@dataclass(frozen=True)
class Video:
    """What is known of a video before its frames are read.

    Attributes:
        path: The file.
        frames: Their number as the file says, 0 if it does not.
        rate: Frames a second.
    """

    path: Path
    frames: int
    rate: float


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its ending.

    Args:
        path: The file.
    """
    return path.suffix.lower() in VIDEO_ENDINGS


def find_pictures(path: Path, *, recursive: bool) -> list[Source]:
    """The pictures of a path.

    Args:
        path: A picture, or a folder, of which files with the endings of pictures are
            taken, in the order of their names.
        recursive: Whether those of its folders are taken as well.

    Raises:
        FileNotFoundError: There is no such file, or no picture in the folder.
    """
    if not path.exists():
        raise FileNotFoundError(f"no picture {path}. Check the path")
    if not path.is_dir():
        (stem,) = distinct_slugs([path.stem], empty="image")
        return [Source(path, stem)]
    found = path.rglob("*") if recursive else path.iterdir()
    files = sorted(
        file
        for file in found
        if file.suffix.lower() in PICTURE_ENDINGS and file.is_file()
    )
    if not files:
        raise FileNotFoundError(
            f"no picture in the folder {path}: none of its files ends in "
            f"{', '.join(PICTURE_ENDINGS)}. Choose another"
            + ("" if recursive else ", or look into its folders too with --recursive")
        )
    names = [" ".join(file.relative_to(path).with_suffix("").parts) for file in files]
    stems = distinct_slugs(names, empty="image")
    return [Source(file, stem) for file, stem in zip(files, stems, strict=True)]


def open_video(path: Path) -> Video:
    """What is known of a video.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: No such file.
        ValueError: OpenCV cannot read it.
    """
    capture = _capture(path)
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    return Video(path, max(frames, 0), rate if 0 < rate <= 1000 else 25.0)


def read_frames(video: Video, *, every: int) -> Iterator[Source]:
    """Frames of a video.

    Args:
        video: The video.
        every: Take each ``every``-th, from the first on.

    Raises:
        ValueError: It has no frame that can be read.
    """
    (stem,) = distinct_slugs([video.path.stem], empty="video")
    capture = _capture(video.path)
    number = 0
    try:
        while capture.grab():
            if number % every == 0:
                whole, pixels = capture.retrieve()
                if not whole:
                    break
                name = f"{stem}_{number:06d}"
                seconds = round(number / video.rate, 3)
                yield Source(video.path, name, number, seconds, pixels)
            number += 1
    finally:
        capture.release()
    if number == 0:
        raise ValueError(
            f"the video {video.path} has no frame that OpenCV can read. Convert it to "
            "another format, such as H.264 in .mp4"
        )


def _capture(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise FileNotFoundError(f"no video {path}. Check the path")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(
            f"the video {path} ({path.stat().st_size} bytes) cannot be opened by "
            "OpenCV: it is damaged, no video, or of a kind that this OpenCV does not "
            "know. Convert it, such as to H.264 in .mp4"
        )
    return capture
