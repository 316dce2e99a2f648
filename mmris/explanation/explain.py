"""What a model looked at, for a picture and its expressions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from mmris.apis.inference_pipeline import inference_pipeline
from mmris.apis.pairing import pair
from mmris.apis.pictures import to_bgr
from mmris.models.segmentors import restore_logits

from .call_recorder import record_calls
from .explanation import Explanation, ExplanationMap
from .grad_cam import check_layers, grad_cam
from .map_sites import check_kinds, find_sites
from .sources import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from mmris.apis.pictures import ChannelOrder, Picture
    from mmris.models import RefSegmentor


class _Prepared(NamedTuple):
    """A picture as the model is given it.

    Attributes:
        inputs: ``(1, 3, H, W)``.
        picture: As it was, ``(h, w, 3)`` uint8 BGR.
        content_box: Top, left, height and width of the picture within the input.
    """

    inputs: Tensor
    picture: np.ndarray
    content_box: tuple[int, int, int, int]


def explain(
    model: RefSegmentor,
    image: Picture,
    expressions: Sequence[str],
    *,
    kinds: Iterable[str] | None = None,
    layers: Sequence[str] = (),
    heads: bool = False,
    channel_order: ChannelOrder | None = None,
) -> list[Explanation]:
    """Segment, and keep what the model looked at.

    Works with any neck and any head: what there is to see is found in the model. Masks
    and maps are those of one and the same forward pass; Grad-CAM takes another one,
    with gradients. The model is left as it was, and other threads may use it meanwhile.

    Args:
        model: A model of :func:`mmris.apis.init_model`, in evaluation mode.
        image: A path or URL, a Pillow image, or an array ``(h, w, 3)`` or ``(h, w)``
            uint8.
        expressions: K expressions.
        kinds: Which kinds of maps, see :func:`list_kinds`; None for all that the model
            has, an empty list for none.
        layers: Modules to make a Grad-CAM map of, by their names in the model;
            ``"neck"`` are the maps that the neck hands to the head.
        heads: Whether attention with several heads has a map for each head as well as
            their mean.
        channel_order: ``"rgb"`` or ``"bgr"``, of an array of colour.

    Returns:
        K explanations.

    Raises:
        FileNotFoundError: No such picture.
        TypeError: Picture or expressions are of no known kind.
        ValueError: The model has no such map or layer, is being trained or has no
            config, the picture is damaged, or an expression is blank.

    Example:
        >>> from mmris.apis import init_model
        >>> from mmris.explanation import explain
        >>> model = init_model("configs/cmsa/cmsa_tiny_shapes.py")
        >>> picture = np.zeros((48, 64, 3), dtype=np.uint8)
        >>> (found,) = explain(model, picture, ["red circle"], channel_order="rgb")
        >>> found["place_words/level_0"].values.shape, found.words
        ((2, 12, 12), ('red', 'circle'))
    """
    if model.training:
        raise ValueError("the model is being trained; call model.eval() first")
    ((_, texts),) = pair(image, list(expressions))
    wanted = check_kinds(model, kinds)
    check_layers(model, layers)
    sites = [site for site in find_sites(model) if wanted.intersection(site.kinds)]
    prepared = _prepare(model, to_bgr(image, channel_order=channel_order))
    methods = [
        entry for site in sites for entry in site.source.methods(model, site.module)
    ]
    index = torch.zeros(1, dtype=torch.int64, device=prepared.inputs.device)
    found = []
    with torch.no_grad():
        with record_calls(methods) as of_image:
            encoded = model.encode_image(prepared.inputs)
        for text, words in zip(texts, model.text_encoder.words(texts), strict=True):
            with record_calls(methods) as of_words:
                output = model.decode_text(encoded, model.text_encoder([text]), index)
            record = of_image.joined(of_words)
            maps = [
                entry
                for site in sites
                for entry in site.source.maps(
                    site.module,
                    Site(
                        model,
                        site.name,
                        site.place,
                        tuple(words),
                        record,
                        wanted,
                        heads,
                    ),
                )
            ]
            if layers:
                maps += grad_cam(model, prepared.inputs, text, index, layers)
            found.append(
                _explanation(model, prepared, text, words, output.logits, maps)
            )
    return found


def _prepare(model: RefSegmentor, picture: np.ndarray) -> _Prepared:
    config = getattr(model, "cfg", None)
    if config is None:
        raise ValueError(
            "the model has no config that says how pictures are prepared; build it by "
            "mmris.apis.init_model, or set model.cfg"
        )
    # What the expressions are does not matter for the picture.
    item = {"img": picture, "img_path": "", "expressions": ["picture"]}
    collated = pseudo_collate([inference_pipeline(config)(item)])
    batch = model.data_preprocessor(collated, False)
    inputs, (sample,) = batch["inputs"], batch["data_samples"]
    whole = (0, 0, inputs.shape[-2], inputs.shape[-1])
    top, left, height, width = sample.get("content_box", whole)
    return _Prepared(inputs, picture, (top, left, height, width))


def _explanation(
    model: RefSegmentor,
    prepared: _Prepared,
    expression: str,
    words: Sequence[str],
    logits: Tensor,
    maps: Sequence[ExplanationMap],
) -> Explanation:
    input_size = (prepared.inputs.shape[-2], prepared.inputs.shape[-1])
    (restored,) = restore_logits(
        logits.float(),
        input_size=input_size,
        content_box=prepared.content_box,
        original_size=prepared.picture.shape[:2],
    ).cpu()
    threshold = torch.logit(torch.tensor(model.settings.threshold)).item()
    return Explanation(
        picture=np.ascontiguousarray(prepared.picture[..., ::-1]),
        expression=expression,
        words=tuple(words),
        logits=restored.numpy(),
        mask=(restored > threshold).numpy(),
        maps=_by_name(maps),
        input_size=input_size,
        content_box=prepared.content_box,
    )


def _by_name(maps: Sequence[ExplanationMap]) -> dict[str, ExplanationMap]:
    """Maps of the same kind and place, of parts of one block, get their module's."""
    names = [entry.name for entry in maps]
    named = {}
    for entry in maps:
        own = entry
        if names.count(entry.name) > 1:
            own = dataclasses.replace(entry, place=f"{entry.place} ({entry.module})")
        named[own.name] = own
    return named
