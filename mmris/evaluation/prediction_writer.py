"""Writes the predictions of a test to a file while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from mmengine.dist import barrier, get_rank, get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from pycocotools import mask as coco_mask

from mmris.registry import METRICS

from .mask_folder import SOFT_FOLDER
from .network_frame import NetworkFrame
from .prediction_file import PART, header_line, image_line
from .soft_scores import write_soft_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@METRICS.register_module()
class PredictionWriter(BaseMetric):
    """Writes masks, and the decode head's maps on request; computes no score.

    Each process writes its images, line by line, to ``FILE.rank<n>.part``, so that what
    was predicted is on the disk whatever happens next. At the end the parts are put
    together in the order of the dataset, and an image that several processes had (their
    shares are made equally long) is taken once. Processes on several machines need a
    folder that all of them see.

    Args:
        path: The file, ending in ``.jsonl``. One that is there is replaced at the end.
        header: What the first line says besides format and version.
        soft_scores: Whether to write the maps too, as PNG files of 16 bits into the
            folder ``FILE`` without its ending plus ``.scores``.
        collect_device: As in every metric; nothing is collected.
        prefix: As in every metric; there is no score to put it before.

    Raises:
        ValueError: The file's name ends otherwise, it cannot be written, or the folder
            of the maps has files in it already.
    """

    default_prefix = ""

    def __init__(
        self,
        *,
        path: str,
        header: dict[str, Any] | None = None,
        soft_scores: bool = False,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.path = Path(path)
        if self.path.suffix != ".jsonl":
            raise ValueError(
                f"--out {path}: predictions are written as JSON lines; give a name "
                "that ends in .jsonl"
            )
        self.folder = self.path.with_suffix(SOFT_FOLDER) if soft_scores else None
        if self.folder is not None and any(self.folder.glob("*")):
            raise ValueError(
                f"the folder {self.folder} has soft scores of an earlier run; remove "
                "it, or give --out another name"
            )
        _check_writable(self._part(get_rank()))
        # Nobody writes before everybody has looked.
        barrier()
        self.header = {
            **(header or {}),
            "soft_scores": self.folder.name if self.folder else None,
        }
        self._file: TextIO | None = None
        self._sent_ids: dict[int, tuple[int, ...]] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Write the images of one batch.

        Args:
            data_batch: Not used.
            data_samples: One an image, with ``pred_sem_seg`` ``(K, h, w)`` at the
                original size and, for soft scores, ``head_logits``.

        Raises:
            ValueError: Soft scores were asked for and the model gives none, or an image
                comes again with other sentences.
        """
        file = self._open()
        for sample in data_samples:
            self._check_new(sample)
            masks = sample["pred_sem_seg"]["data"].cpu().numpy().astype(np.uint8)
            # From (K, h, w) to COCO's (h, w, K), with columns in a row in memory.
            stack = np.asfortranarray(masks.transpose(1, 2, 0))
            frame = step = None
            if self.folder is not None:
                frame, step = self._write_maps(self.folder, sample)
            file.write(
                image_line(
                    image_id=int(sample["image_id"]),
                    size=(int(masks.shape[1]), int(masks.shape[2])),
                    sent_ids=[int(number) for number in sample["sent_ids"]],
                    expressions=sample.get("expressions", ()),
                    counts=[
                        code["counts"].decode("ascii")
                        for code in coco_mask.encode(stack)
                    ],
                    frame=frame,
                    logit_step=step,
                )
            )
        file.flush()

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """No scores.

        Args:
            results: Nothing.
        """
        return {}

    def evaluate(self, size: int) -> dict[str, float]:
        """Put the parts together; called by every process when the test is over.

        Args:
            size: Number of images of the dataset.

        Returns:
            No scores.
        """
        self._open().close()
        self._file = None
        barrier()
        if is_main_process():
            self._join(get_world_size())
        barrier()
        return {}

    def _open(self) -> TextIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self._part(get_rank())
            self._file = part.open("w", encoding="utf-8")
            self._file.write(header_line(self.header))
        return self._file

    def _check_new(self, sample: dict[str, Any]) -> None:
        sent_ids = tuple(sample["sent_ids"])
        if self._sent_ids.setdefault(sample["image_id"], sent_ids) != sent_ids:
            raise ValueError(
                f"--out {self.path}: image {sample['image_id']} comes with sentences "
                "of several datasets. Write the predictions of each to its own file"
            )

    def _part(self, rank: int) -> Path:
        return self.path.with_name(f"{self.path.name}.rank{rank}{PART}")

    def _write_maps(
        self, folder: Path, sample: dict[str, Any]
    ) -> tuple[NetworkFrame, float]:
        if "head_logits" not in sample:
            raise ValueError(
                "--soft-scores: the model's predictions have no 'head_logits'; leave "
                "the option out, or have predict() of the model set them"
            )
        step = write_soft_scores(
            folder / f"{sample['image_id']}.png", sample["head_logits"]["data"]
        )
        height, width = sample["img_shape"][:2]
        box = sample.get("content_box", (0, 0, height, width))
        top, left, inner_height, inner_width = (int(value) for value in box)
        frame = NetworkFrame(
            (int(height), int(width)), (top, left, inner_height, inner_width)
        )
        return frame, step

    def _join(self, num_parts: int) -> None:
        parts = [self._part(rank) for rank in range(num_parts)]
        missing = [str(part) for part in parts if not part.is_file()]
        if missing:
            raise FileNotFoundError(
                f"the predictions of other processes are not here: {missing[0]}. Give "
                "--out a folder that all machines see"
            )
        temporary = self.path.with_name(f"{self.path.name}.joined{PART}")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(header_line(self.header))
            file.writelines(_in_turn(parts))
        temporary.replace(self.path)
        for part in parts:
            part.unlink()


def _check_writable(part: Path) -> None:
    """Find out before the test and not after its first batch."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.open("w", encoding="utf-8").close()
    except OSError as error:
        raise ValueError(
            f"--out: {part} cannot be written ({error.strerror}); give a name in "
            "another folder"
        ) from None


def _in_turn(parts: Sequence[Path]) -> Iterator[str]:
    """Lines of all parts in the order of the dataset, each image once.

    A sampler deals images to processes as cards to players: the first to the first.
    """
    seen: set[int] = set()
    files = [part.open(encoding="utf-8") for part in parts]
    try:
        for file in files:
            file.readline()  # the header
        waiting = list(files)
        while waiting:
            for file in list(waiting):
                line = file.readline()
                if not line:
                    waiting.remove(file)
                    continue
                image_id = json.loads(line)["image_id"]
                if image_id not in seen:
                    seen.add(image_id)
                    yield line
    finally:
        for file in files:
            file.close()
