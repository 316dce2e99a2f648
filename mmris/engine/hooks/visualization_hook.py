"""Pictures of predictions while a model is validated or tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import mmcv
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmris.datasets.transforms import read_image
from mmris.registry import HOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.runner import Runner
    from mmseg.structures import SegDataSample


@HOOKS.register_module()
class RefVisualizationHook(Hook):
    """Draws image, words, prediction and truth with the runner's visualizer.

    Each validation hands the pictures of the same first images to the visualizer's
    backends: files in ``vis_data/vis_image`` of the run's folder, TensorBoard, and so
    on. Testing writes PNG files into a folder, if one is given. With several processes
    those of rank 0 are drawn, which has every n-th image.

    Args:
        num_images: Images that a validation draws.
        expressions_per_image: Expressions of an image that are drawn, from the first
            on; None draws all.
        test_out_dir: Folder for the pictures of a test; None draws none.
        test_interval: A test draws every image whose number is a multiple of this.

    Raises:
        ValueError: A number is out of its range.
    """

    priority = "NORMAL"

    def __init__(
        self,
        *,
        num_images: int = 4,
        expressions_per_image: int | None = 2,
        test_out_dir: str | None = None,
        test_interval: int = 1,
    ) -> None:
        if num_images < 0:
            raise ValueError(
                f"visualization.num_images is {num_images}; give 0 to draw none"
            )
        if expressions_per_image is not None and expressions_per_image < 1:
            raise ValueError(
                f"visualization.expressions_per_image is {expressions_per_image}; give "
                "at least 1, or None for all"
            )
        if test_interval < 1:
            raise ValueError(
                f"visualization.test_interval is {test_interval}; give at least 1"
            )
        self.num_images = num_images
        self.expressions_per_image = expressions_per_image
        self.test_out_dir = test_out_dir
        self.test_interval = test_interval
        self._seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Count the images of a validation from its start.

        Args:
            runner: The runner.
        """
        self._seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Count the images of a test from its start.

        Args:
            runner: The runner.
        """
        self._seen = 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Draw the first images.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: What the model was given.
            outputs: What it predicted, one an image.
        """
        if not is_main_process() or data_batch is None:
            return
        for position, sample in enumerate(outputs or ()):
            if self._seen >= self.num_images:
                return
            runner.visualizer.add_datasample(
                f"val_{sample.image_id}",
                original_image(sample, data_batch["inputs"][position]),
                sample,
                max_expressions=self.expressions_per_image,
                step=runner.iter,
            )
            self._seen += 1

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Write pictures, if there is a folder for them.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: What the model was given.
            outputs: What it predicted, one an image.
        """
        if self.test_out_dir is None or not is_main_process() or data_batch is None:
            return
        for position, sample in enumerate(outputs or ()):
            self._seen += 1
            if (self._seen - 1) % self.test_interval:
                continue
            pictures = runner.visualizer.draw_datasample(
                original_image(sample, data_batch["inputs"][position]),
                sample,
                max_expressions=self.expressions_per_image,
            )
            for number, picture in enumerate(pictures):
                file = Path(self.test_out_dir) / f"{sample.image_id}_{number}.png"
                mmcv.imwrite(mmcv.rgb2bgr(picture), str(file))


def original_image(sample: SegDataSample, network_input: Any) -> np.ndarray:
    """The picture of a data sample in RGB order at its original size.

    Read from the file if there is one; else made from what the network saw, which is
    cut to its content and resized.

    Args:
        sample: Has ``ori_shape`` and ``content_box``; ``img_path`` may name a file or,
            for pictures that are made, none.
        network_input: ``(3, H, W)`` uint8 tensor in BGR order.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    path = sample.get("img_path", "")
    if path and Path(path).is_file():
        # The pixels as stored, as the masks are: no turning by EXIF data.
        return np.ascontiguousarray(read_image(path, apply_exif=False)[..., ::-1])
    picture = network_input.detach().cpu().numpy().transpose(1, 2, 0)[..., ::-1]
    if sample.get("flip", False):
        picture = picture[:, ::-1]
    top, left, height, width = sample.get("content_box", (0, 0, *picture.shape[:2]))
    picture = np.ascontiguousarray(picture[top : top + height, left : left + width])
    target = int(sample.ori_shape[1]), int(sample.ori_shape[0])
    return np.asarray(cv2.resize(picture, target, interpolation=cv2.INTER_LINEAR))
