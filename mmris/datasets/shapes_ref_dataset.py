"""Generated scenes with sentences: referring segmentation without any download."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmris.datasets import shapes
from mmris.datasets.base_ref_dataset import BaseRefDataset
from mmris.datasets.index_files import IndexSource
from mmris.datasets.shapes import (
    KINDS,
    SHAPES,
    Scene,
    SceneKey,
    SceneOptions,
    Sentence,
    Stream,
    draw_scene,
    render,
    write_sentences,
)
from mmris.datasets.shapes.argument_checks import (
    SPLITS,
    check_image_size,
    check_num_objects,
    check_range,
    check_shares,
    check_split,
)
from mmris.registry import DATASETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmris.datasets.base_ref_dataset import Sampling
    from mmris.datasets.image_keys import ImageKey

HELD_OUT_SPLIT = "testB"
DEFAULT_KIND_SHARES = {
    "attribute": 0.4,
    "place": 0.2,
    "superlative": 0.2,
    "relation": 0.2,
}
MAX_IMAGES = 1_000_000
MAX_EXPRESSIONS = 32
# Ids of annotations and sentences are the image's id times these, plus a position.
ANNOTATIONS_PER_IMAGE = 16
SENTENCES_PER_IMAGE = 32
# A scene that does not offer its kinds of sentence is drawn anew so often.
MAX_ATTEMPTS = 200
# Scenes that are kept for later starts; fewer are made faster than anything is read.
_MANY = 1000


@DATASETS.register_module()
class ShapesRefDataset(BaseRefDataset):
    """Scenes of textured coloured shapes, made from a seed.

    A scene holds several shapes, some partly covered by others, and most with another
    that shares the colour or the form. Its sentences are of four kinds: ``attribute``
    ("the small red circle"), ``place`` ("the circle on the left"), ``superlative``
    ("the largest red shape") and ``relation`` ("the red circle above the blue square").
    Each is true of exactly one shape and clearly false of the others
    (:mod:`mmris.datasets.shapes.semantics` says what the words mean). Masks are the
    visible pixels.

    A scene depends on ``scene_seed``, the split and its index, never on the worker, the
    process or the number of images. Pictures are painted when an item is taken.

    Splits: ``train``, ``val`` and ``testA`` are alike and share no scene. In ``testB``
    every scene shows pairs of colour and form that no other split ever shows
    (:data:`mmris.datasets.shapes.HELD_OUT_PAIRS`), and every attribute sentence names
    such a pair; all its words occur in training.

    Args:
        split: ``"train"``, ``"val"``, ``"testA"`` or ``"testB"``.
        num_images: Number of scenes.
        image_size: ``(height, width)`` of the pictures, in pixels, at least 32 each.
        kind_shares: Share of each kind among the sentences; the sum is 1, a kind left
            out has none. None takes 0.4 attribute and 0.2 of each other.
        expressions_per_scene: Number of sentences of a scene. Scenes that do not offer
            so many of the kinds drawn are drawn anew; only where no such scene is found
            is one with fewer sentences kept.
        num_objects: Fewest and most shapes of a scene, from 2 to 9.
        scene_seed: Seed of the scenes, from 0 to 2**32 - 1.
        pipeline: Transforms, configs or callables.
        sampling: What one item is in training, see :class:`BaseRefDataset`.
        expressions_per_image: With sampling ``"image"``, at most so many of them.
        seed: Start of the random numbers of sampling and transforms.
        indices: Take only the first so many scenes, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the making of the records to the first access.

    Raises:
        ValueError: An argument is out of its range.
        RuntimeError: No scene can be made from these arguments.

    Example:
        >>> dataset = ShapesRefDataset(split="val", num_images=2, test_mode=True)
        >>> item = dataset[0]
        >>> item["img"].shape, len(item["expressions"])
        ((96, 96, 3), 6)
    """

    def __init__(  # noqa: PLR0913  # the base's arguments are repeated, not hidden
        self,
        *,
        split: str,
        num_images: int,
        image_size: tuple[int, int] = (96, 96),
        kind_shares: dict[str, float] | None = None,
        expressions_per_scene: int = 6,
        num_objects: tuple[int, int] = (3, 7),
        scene_seed: int = 0,
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        shares = DEFAULT_KIND_SHARES if kind_shares is None else dict(kind_shares)
        check_split(split)
        check_range("num_images", num_images, 1, MAX_IMAGES)
        check_range("expressions_per_scene", expressions_per_scene, 1, MAX_EXPRESSIONS)
        check_range("scene_seed", scene_seed, 0, 2**32 - 1)
        check_image_size(image_size)
        check_num_objects(num_objects)
        check_shares(shares)
        self.split = split
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self.expressions_per_scene = expressions_per_scene
        self.scene_seed = scene_seed
        self._num_scenes = num_images
        self._share_limits = np.cumsum([shares.get(kind, 0.0) for kind in KINDS])
        self._options = SceneOptions(
            height=self.image_size[0],
            width=self.image_size[1],
            num_objects=(int(num_objects[0]), int(num_objects[1])),
            held_out=split == HELD_OUT_SPLIT,
        )
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Make the records, one a scene, with masks as compressed COCO RLE.

        Besides what :class:`BaseRefDataset` asks for, a record has ``scene``, the
        scene's index and the attempt it was drawn in.
        """
        return [self._make_record(index) for index in range(self._num_scenes)]

    def index_source(self) -> IndexSource | None:
        """The programs that make the scenes, with what they are given.

        Returns:
            None for few scenes, which are made in a moment, and for a subclass, which
            may make others.
        """
        if self._num_scenes < _MANY or type(self) is not ShapesRefDataset:
            return None
        given = {
            "options": self._options._asdict(),
            "scenes": self._num_scenes,
            "seed": self.scene_seed,
            "shares": self._share_limits.tolist(),
            "sentences": self.expressions_per_scene,
            "numpy": np.__version__,
            "cv2": cv2.__version__,
        }
        digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
        files = (Path(__file__), *sorted(Path(shapes.__file__).parent.glob("*.py")))
        options = {"split": self.split, "given": digest.hexdigest()[:16]}
        return IndexSource(files=files, options=options, generated=True)

    def load_image(self, record: dict[str, Any]) -> np.ndarray:
        """Paint the picture of a record.

        Args:
            record: The record.

        Returns:
            ``(H, W, 3)`` uint8 in BGR order.
        """
        return render(self._redraw(record))

    def image_keys(self, image: int) -> tuple[ImageKey, ...]:
        """Name of a scene: its seed, split and index.

        Args:
            image: Its position, from 0 to ``num_images - 1``.
        """
        return (("shapes", self._folded_record(image)["img_path"]),)

    def scene(self, image: int) -> Scene:
        """The layout behind a picture.

        Args:
            image: Its position, from 0 to ``num_images - 1``.
        """
        return self._redraw(self._folded_record(image))

    def _redraw(self, record: dict[str, Any]) -> Scene:
        index, attempt = record["scene"]
        scene = draw_scene(self._key(index)._replace(attempt=attempt), self._options)
        if scene is None:
            raise RuntimeError(
                f"record {record['image_id']} is of scene {record['scene']}, which the "
                "options of this dataset do not give. Take records from the dataset "
                "that made them"
            )
        return scene

    def _key(self, index: int) -> SceneKey:
        return SceneKey(self.scene_seed, SPLITS.index(self.split), index)

    def _draw_kinds(self, key: SceneKey) -> list[str]:
        """Kinds of a scene's sentences, spread evenly over the shares.

        One random number shifts equal steps along the shares: each sentence has the
        wanted chances, and every scene comes as near to the wanted mix as it can.
        """
        count = self.expressions_per_scene
        shift = key.random(Stream.KINDS).random()
        draws = (np.arange(count) + shift) / count * self._share_limits[-1]
        positions = np.searchsorted(self._share_limits, draws, side="right")
        # The rarest last resorts come first: a scene without them fails early.
        return [KINDS[position] for position in positions[::-1]]

    def _make_record(self, index: int) -> dict[str, Any]:
        kinds = self._draw_kinds(self._key(index))
        best: tuple[Scene, list[Sentence]] | None = None
        for attempt in range(MAX_ATTEMPTS):
            key = self._key(index)._replace(attempt=attempt)
            scene = draw_scene(key, self._options)
            if scene is None:
                continue
            rng = key.random(Stream.WORDS)
            sentences = write_sentences(
                rng, scene, kinds, held_out=self._options.held_out
            )
            if sentences and (best is None or len(sentences) > len(best[1])):
                best = scene, sentences
            if len(sentences) == len(kinds):
                break
        if best is None:
            raise RuntimeError(
                f"no scene with image_size {self.image_size}, num_objects "
                f"{self._options.num_objects} and sentences of the kinds {kinds} was "
                f"found in {MAX_ATTEMPTS} draws. Give fewer objects, a larger picture "
                "or other kind_shares"
            )
        return self._to_record(*best)

    def _to_record(self, scene: Scene, sentences: list[Sentence]) -> dict[str, Any]:
        key = scene.key
        image_id = image_number(self.split, key.number)
        targets = sorted({sentence.target for sentence in sentences})
        references = []
        next_id = image_id * SENTENCES_PER_IMAGE
        for target, mask in zip(targets, encode_masks(scene, targets), strict=True):
            annotation_id = image_id * ANNOTATIONS_PER_IMAGE + target
            texts = [sentence for sentence in sentences if sentence.target == target]
            shape = scene.objects[target].shape
            alike = [entry for entry in scene.objects if entry.shape == shape]
            references.append(
                {
                    "ref_id": annotation_id,
                    "ann_ids": [annotation_id],
                    "category_id": SHAPES.index(shape) + 1,
                    "num_distractors": len(alike) - 1,
                    "segmentations": [mask],
                    "sentences": [
                        {"sent_id": next_id + i, "text": entry.text, "kind": entry.kind}
                        for i, entry in enumerate(texts)
                    ],
                }
            )
            next_id += len(texts)
        return {
            "image_id": image_id,
            "img_path": f"shapes/{key.seed}/{self.split}/{key.number:06d}",
            "height": scene.height,
            "width": scene.width,
            "scene": [key.number, key.attempt],
            "references": references,
        }


def image_number(split: str, index: int) -> int:
    """The id of a picture, another one for every picture of every split.

    Args:
        split: Name of the split.
        index: Number of the scene in it.
    """
    return SPLITS.index(split) * MAX_IMAGES + index + 1


def encode_masks(scene: Scene, objects: Sequence[int]) -> list[dict[str, Any]]:
    """Visible pixels of objects as compressed COCO RLE, with counts as text.

    Args:
        scene: The scene.
        objects: Which objects.
    """
    values = np.asarray(objects, dtype=np.uint8)[:, None, None] + 1
    stack = (np.ascontiguousarray(scene.owners.T) == values).view(np.uint8)
    codes: list[dict[str, Any]] = coco_mask.encode(stack.transpose(2, 1, 0))
    for code in codes:
        code["counts"] = code["counts"].decode("ascii")
    return codes
