"""A model without pretrained weights, and inputs without data.

How fast a model is does not depend on its weights, so a config can be measured on a
machine that has neither data nor a network.
"""

from __future__ import annotations

import copy
import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmris.models import RefSegmentor, WordTextEncoder
from mmris.registry import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmengine.config import Config

# What is read from files, by the name of the argument.
_FILES = ("init_cfg", "word_vectors", "vocabulary")
# A variance is at least so much of the mean square of a layer's values.
_SMALLEST_SHARE = 0.1
# Words that every tokenizer keeps whole, so that a sentence has the length asked for.
_WORDS = (
    *("man", "woman", "dog", "cat", "horse", "car", "table", "chair", "cup", "ball"),
    *("red", "blue", "green", "white", "black", "small", "large", "left", "right"),
    *("the", "a", "on", "in", "with", "of", "near", "behind", "front", "top", "next"),
)


@dataclass(frozen=True)
class RandomBatch:
    """Pictures and expressions of random content.

    Attributes:
        images: Normalised pictures, ``(B, 3, H, W)``.
        samples: One a picture, with ``K`` expressions and masks ``(K, H, W)``.
        image_index: ``(B * K,)`` int64, the picture of each expression.
    """

    images: Tensor
    samples: list[SegDataSample]
    image_index: Tensor

    @property
    def sentences(self) -> list[str]:
        """The expressions, those of one picture together."""
        return [text for sample in self.samples for text in sample.expressions]

    def in_format(self, memory_format: torch.memory_format) -> RandomBatch:
        """The same with the pictures in another memory layout.

        Args:
            memory_format: Contiguous or channels last.
        """
        images = self.images.contiguous(memory_format=memory_format)
        return replace(self, images=images)


def input_size(config: Config) -> tuple[int, int]:
    """Height and width that the test pipeline resizes to.

    Args:
        config: Of a model.

    Raises:
        ValueError: It does not resize.
    """
    for step in config.test_dataloader.dataset.pipeline:
        if step["type"] == "RefResize":
            height, width = step["size"]
            return height, width
    raise ValueError(
        "test_dataloader.dataset.pipeline has no RefResize, which says the input size; "
        "give a config with a test pipeline"
    )


def without_files(value: Any) -> Any:
    """A model's config that reads no file.

    Args:
        value: The config, or a part of it; it is not changed.
    """
    if isinstance(value, dict):
        return {
            key: None if key in _FILES else without_files(part)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(without_files(part) for part in value)
    return copy.deepcopy(value)


def build_model(config: Config, *, device: torch.device, seed: int = 0) -> RefSegmentor:
    """Build the model of a config with the weights that it is born with.

    Args:
        config: Of a model.
        device: Where it shall live; on the meta device it has shapes only, which is
            enough to count its work.
        seed: Of the weights.

    Returns:
        The model, in evaluation mode, with the vocabulary of :func:`random_sentences`.
    """
    init_default_scope(config.get("default_scope", "mmris"))
    torch.manual_seed(seed)
    model: RefSegmentor = MODELS.build(without_files(config.model.to_dict()))
    model.to(device)
    encoder = model.text_encoder
    if isinstance(encoder, WordTextEncoder):
        encoder.build_vocabulary(list(_WORDS))
    # Not chained: the eval method of some backbones returns None.
    model.eval()
    return model


def build_random_model(
    config: Config,
    *,
    size: tuple[int, int],
    device: torch.device,
    seed: int = 0,
) -> RefSegmentor:
    """Build the model of a config with random weights.

    Its normalisations get the statistics of a random batch, so that values keep their
    scale on the way through, as in a trained model: otherwise those of a deep backbone
    may grow or vanish, and a comparison of precisions would mean nothing. The
    vocabulary of a word encoder is that of :func:`random_sentences`.

    Args:
        config: Of a model.
        size: Height and width of the pictures.
        device: Where the model shall live.
        seed: Of the weights.

    Returns:
        The model, in evaluation mode.
    """
    model = build_model(config, device=device, seed=seed)
    batch = random_batch(
        size=size, images=2, expressions=1, words=5, device=device, seed=seed
    )
    with fresh_statistics(model), torch.no_grad():
        model.decode(batch.images, batch.sentences, batch.image_index)
    return model


@contextmanager
def fresh_statistics(model: nn.Module) -> Iterator[None]:
    """While active, batch normalisations take over the statistics of what they see.

    Variances are bounded from below. Everything else stays in evaluation mode, which
    the model is in afterwards.

    Args:
        model: The model.
    """
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
            _bound_gain(norm)


@torch.no_grad()
def _bound_gain(norm: _BatchNorm) -> None:
    """Keep a normalisation from blowing up what hardly differs.

    What is pooled over a picture of noise is nearly the same for all pictures. Divided
    by so small a deviation, rounding errors would become as large as the values.
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is not None and variance is not None:
        size = (variance + mean.square()).mean()
        variance.clamp_(min=float(_SMALLEST_SHARE * size))


@contextmanager
def in_format(model: nn.Module, memory_format: torch.memory_format) -> Iterator[None]:
    """While active, four-dimensional weights have another memory layout.

    Args:
        model: Contiguous before and after.
        memory_format: Contiguous or channels last.
    """
    model.to(memory_format=memory_format)
    try:
        yield
    finally:
        model.to(memory_format=torch.contiguous_format)


def random_sentences(count: int, words: int, *, seed: int = 0) -> list[str]:
    """Sentences of a given length.

    Args:
        count: Number of sentences.
        words: Words of each.
        seed: Of the choice.
    """
    choose = random.Random(seed)
    return [" ".join(choose.choices(_WORDS, k=words)) for _ in range(count)]


def random_batch(
    *,
    size: tuple[int, int],
    images: int,
    expressions: int,
    words: int,
    device: torch.device,
    seed: int = 0,
) -> RandomBatch:
    """Pictures of noise; masks are rectangles.

    Args:
        size: ``(H, W)``, of pictures and masks.
        images: ``B``, number of pictures.
        expressions: ``K``, of each picture.
        words: Of each expression.
        device: Where the tensors shall live.
        seed: Of everything random.
    """
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randn(images, 3, *size, generator=generator)
    sentences = random_sentences(images * expressions, words, seed=seed)
    samples = []
    for image in range(images):
        sample = SegDataSample(metainfo={"ori_shape": size, "img_shape": size})
        own = slice(image * expressions, (image + 1) * expressions)
        sample.expressions = sentences[own]
        masks = torch.stack(
            [_rectangle(size, generator) for _ in range(expressions)]
        ).to(device)
        sample.gt_sem_seg = PixelData(data=masks)
        samples.append(sample)
    index = torch.arange(images).repeat_interleave(expressions)
    return RandomBatch(pictures.to(device), samples, index.to(device))


def _rectangle(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """A quarter of the picture, anywhere, as ``(H, W)`` uint8."""
    mask = torch.zeros(size, dtype=torch.uint8)
    half = [max(1, side // 2) for side in size]
    corner = [
        int(torch.randint(side - length + 1, (), generator=generator))
        for side, length in zip(size, half, strict=True)
    ]
    mask[corner[0] : corner[0] + half[0], corner[1] : corner[1] + half[1]] = 1
    return mask
