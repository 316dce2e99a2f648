"""The one orchestrator: text and image are encoded, fused, decoded, and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor

from mmris.models.backbones import read_levels
from mmris.models.layers import resize_to
from mmris.models.parts import (
    BACKBONE,
    DATA_PREPROCESSOR,
    DECODE_HEAD,
    FUSION_NECK,
    OUTPUT_LOSS,
    POST_PROCESSING,
    TEXT_ENCODER,
    build_part,
    find_part,
)
from mmris.registry import MODELS
from mmris.structures import LevelSpec, MaskOutput

from .prediction_settings import PredictionSettings
from .restore import restore_logits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmseg.structures import SegDataSample

    from mmris.models.decode_heads import RefDecodeHead
    from mmris.models.losses import OutputLoss
    from mmris.models.necks import FusionNeck
    from mmris.models.post_processing import PostProcessing
    from mmris.models.text_encoders import BaseTextEncoder
    from mmris.structures import FusedFeatures, TextFeatures


@MODELS.register_module()
class RefSegmentor(BaseModel):
    """Text encoder, backbone, fusion neck and decode head, put together by config.

    The parts are built along the chain: the backbone's levels are read by a pass on the
    meta device, the neck is told what backbone and text encoder give, the head what the
    neck gives. Parts that do not fit are refused here, by the config key to change.

    Whatever does not depend on words runs once an image, however many expressions it
    has. In evaluation mode the answer for an expression does not depend on the others.

    Args:
        text_encoder: Config of the text encoder.
        backbone: Config of any mmseg or mmpretrain backbone, by scoped name.
        neck: Config of a fusion neck.
        decode_head: Config of a decode head.
        losses: Configs of losses, each with a name of its own; may be empty if the
            decode head brings its own.
        test_cfg: ``threshold`` and ``expressions_per_chunk``.
        data_preprocessor: Config of the data preprocessor.
        post_processing: Config of a :class:`PostProcessing` that refines the logits in
            prediction, at the size of the input; None for none.
        backbone_levels: Channels and strides of the backbone's levels, instead of
            reading them.
        init_cfg: As in every MMEngine module.
    """

    def __init__(
        self,
        *,
        text_encoder: dict[str, Any],
        backbone: dict[str, Any],
        neck: dict[str, Any],
        decode_head: dict[str, Any],
        losses: Sequence[dict[str, Any]],
        test_cfg: dict[str, Any],
        data_preprocessor: dict[str, Any],
        post_processing: dict[str, Any] | None = None,
        backbone_levels: Sequence[dict[str, int]] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        preprocessor = build_part(
            "model.data_preprocessor", data_preprocessor, DATA_PREPROCESSOR
        )
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.settings = PredictionSettings.from_config(test_cfg)
        self.post_processing: PostProcessing | None = None
        if post_processing is not None:
            self.post_processing = build_part(
                "model.post_processing", post_processing, POST_PROCESSING
            )
        self.text_encoder: BaseTextEncoder = build_part(
            "model.text_encoder", text_encoder, TEXT_ENCODER
        )
        self.backbone = build_part("model.backbone", backbone, BACKBONE)
        if backbone_levels is None:
            levels = read_levels(self.backbone)
        else:
            levels = tuple(LevelSpec(**level) for level in backbone_levels)
        given = {"in_levels": levels, "in_text": self.text_encoder.spec}
        neck_class = find_part("model.neck", neck, FUSION_NECK)
        if getattr(neck_class, "inside_backbone", False):
            given["backbone"] = self.backbone
        self.neck: FusionNeck = build_part("model.neck", neck, FUSION_NECK, given)
        self.level_channels = self.neck.spec.channels
        self.decode_head: RefDecodeHead = build_part(
            "model.decode_head",
            decode_head,
            DECODE_HEAD,
            {"in_features": self.neck.spec},
        )
        if not isinstance(losses, (list, tuple)):
            raise ValueError(f"model.losses is {losses!r}; give a list of losses")
        self.losses = torch.nn.ModuleList(
            build_part(f"model.losses[{number}]", loss, OUTPUT_LOSS)
            for number, loss in enumerate(losses)
        )
        _check_losses(cast("list[OutputLoss]", list(self.losses)), self.decode_head)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[SegDataSample],
        image_index: Tensor | None = None,
        mode: Literal["loss", "predict", "tensor"] = "tensor",
    ) -> dict[str, Tensor] | list[SegDataSample] | MaskOutput:
        """What MMEngine calls.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.
            data_samples: Their expressions and, for the loss, masks, ``(K, H, W)``.
            image_index: ``(N,)`` int64, the picture of each expression; None if there
                is one sample a picture.
            mode: ``"loss"`` for a dict of losses, ``"predict"`` for samples with masks,
                ``"tensor"`` for the head's own output.

        Returns:
            As ``mode`` says.
        """
        if image_index is None:
            image_index = _one_sample_an_image(data_samples, inputs.device)
        if mode == "loss":
            return self.loss(inputs, data_samples, image_index)
        if mode == "predict":
            return self.predict(inputs, data_samples, image_index)
        if mode == "tensor":
            return self.decode(inputs, _expressions(data_samples), image_index)
        raise ValueError(f"mode is {mode!r}; choose loss, predict or tensor")

    def encode_image(self, inputs: Tensor) -> Any:
        """Everything that does not depend on words.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.

        Returns:
            What :meth:`decode_text` wants of the images.
        """
        return self.neck.encode(self.backbone, inputs)

    def decode_text(
        self, encoded: Any, text: TextFeatures, image_index: Tensor
    ) -> MaskOutput:
        """Everything that depends on words.

        Args:
            encoded: What :meth:`encode_image` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            N mask logits at the head's size.

        Raises:
            ValueError: The neck gives other levels than its ``spec`` says.
        """
        fused = self.neck.decode(self.backbone, encoded, text, image_index)
        _check_levels(fused, self.level_channels, self.neck)
        output: MaskOutput = self.decode_head(fused)
        return output

    def decode(
        self, inputs: Tensor, expressions: list[str], image_index: Tensor
    ) -> MaskOutput:
        """From pictures and sentences to logits.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.
            expressions: N sentences.
            image_index: ``(N,)`` int64, the picture of each.

        Returns:
            N mask logits at the head's size.
        """
        return self.decode_text(
            self.encode_image(inputs), self.text_encoder(expressions), image_index
        )

    def decode_chunks(
        self, inputs: Tensor, expressions: list[str], image_index: Tensor
    ) -> Iterator[Tensor]:
        """From pictures and sentences to logits, some sentences at a time.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.
            expressions: N sentences.
            image_index: ``(N,)`` int64, the picture of each.

        Yields:
            Mask logits of the next sentences, ``(n, 1, h, w)``, at the head's size; N
            in all.
        """
        encoded = self.encode_image(inputs)
        text = self.text_encoder(expressions)
        for rows in self.settings.chunks(
            len(text),
            input_size=(inputs.shape[-2], inputs.shape[-1]),
            device=inputs.device,
        ):
            yield self.decode_text(
                encoded, text.rows(rows.start, rows.stop), image_index[rows]
            ).logits

    def loss(
        self, inputs: Tensor, data_samples: Sequence[SegDataSample], image_index: Tensor
    ) -> dict[str, Tensor]:
        """The losses of a batch, each at the size of the masks.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.
            data_samples: Expressions and masks at input size.
            image_index: ``(N,)`` int64, the picture of each expression.

        Returns:
            Scalars by name.

        Raises:
            ValueError: Masks are missing or of another size than the inputs, two losses
                have one name, or one has a name that does not count in training.
        """
        output = self.decode(inputs, _expressions(data_samples), image_index)
        masks = _masks(data_samples, (inputs.shape[-2], inputs.shape[-1]))
        losses: dict[str, Tensor] = {}
        for number, entry in enumerate(self.losses):
            _add_losses(losses, entry(output, masks), f"model.losses[{number}]")
        own = self.decode_head.own_losses(output, masks)
        _add_losses(losses, own, f"{type(self.decode_head).__name__}.own_losses")
        return losses

    def predict(
        self, inputs: Tensor, data_samples: Sequence[SegDataSample], image_index: Tensor
    ) -> list[SegDataSample]:
        """Masks at the original size of each picture.

        Args:
            inputs: Normalised pictures, ``(B, 3, H, W)``.
            data_samples: Expressions, and how the pictures were resized.
            image_index: ``(N,)`` int64, the picture of each expression.

        Returns:
            The samples with ``seg_logits`` ``(K, h, w)``, before the sigmoid,
            ``pred_sem_seg`` ``(K, h, w)`` bool, and ``head_logits``, what the decode
            head (or the post-processing) gave, ``(K, h', w')`` at its own size; it
            covers the whole input.
        """
        chunks = self.decode_chunks(inputs, _expressions(data_samples), image_index)
        logits = torch.cat(list(chunks))
        input_size = (inputs.shape[-2], inputs.shape[-1])
        counts = [len(sample.expressions) for sample in data_samples]
        for sample, own, images in zip(
            data_samples,
            torch.split(logits, counts),
            torch.split(image_index, counts),
            strict=True,
        ):
            self._restore(sample, self._refine(own, inputs, images), input_size)
        return list(data_samples)

    def _refine(self, logits: Tensor, inputs: Tensor, images: Tensor) -> Tensor:
        """Post-process the logits of one picture, ``inputs[images[0]]``."""
        if self.post_processing is None:
            return logits
        (picture,) = self.data_preprocessor.restore_pictures(inputs[images[:1]])
        return self.post_processing(
            resize_to(logits.float(), inputs.shape[-2:]), picture
        )

    def _restore(
        self, sample: SegDataSample, logits: Tensor, input_size: tuple[int, int]
    ) -> None:
        known = sample.metainfo
        restored = restore_logits(
            logits.float(),
            input_size=input_size,
            content_box=known.get("content_box", (0, 0, *input_size)),
            original_size=tuple(known.get("ori_shape", input_size)),
        )
        threshold = torch.logit(torch.tensor(self.settings.threshold)).item()
        sample.seg_logits = PixelData(data=restored)
        sample.head_logits = PixelData(data=logits[:, 0].float())
        sample.pred_sem_seg = PixelData(data=restored > threshold)


def _check_levels(
    fused: FusedFeatures, said: tuple[int, ...], neck: FusionNeck
) -> None:
    """Sizes alone, so that it costs no device synchronisation."""
    given = tuple(level.shape[1] for level in fused.maps)
    if given != said:
        raise ValueError(
            f"model.neck {type(neck).__name__} gives levels of {given} channels, but "
            f"its spec says {said}, for which model.decode_head was built; correct "
            "the spec, or what the neck gives"
        )


def _add_losses(
    losses: dict[str, Tensor], more: dict[str, Tensor], source: str
) -> None:
    for name, value in more.items():
        if name in losses:
            raise ValueError(
                f"{source} gives {name!r}, and another loss has that name; one of them "
                "would be lost. Name it anew"
            )
        # MMEngine adds up what is called loss and logs the rest.
        if value.requires_grad and "loss" not in name:
            raise ValueError(
                f"{source} gives {name!r}, which would be logged and never trained on: "
                "say 'loss' in its name, or detach a value that is for the log alone"
            )
        losses[name] = value


def _expressions(data_samples: Sequence[SegDataSample]) -> list[str]:
    return [text for sample in data_samples for text in sample.expressions]


def _one_sample_an_image(
    data_samples: Sequence[SegDataSample], device: torch.device
) -> Tensor:
    counts = torch.tensor([len(sample.expressions) for sample in data_samples])
    return torch.arange(len(counts)).repeat_interleave(counts).to(device)


def _check_losses(losses: list[OutputLoss], head: RefDecodeHead) -> None:
    names = [name for loss in losses for name in loss.reads]
    if len(set(names)) < len(names):
        raise ValueError(f"model.losses has the names {names}; give each its own")
    if not names and not head.has_own_losses:
        raise ValueError(
            f"model.losses is empty and model.decode_head {type(head).__name__} brings "
            "no loss of its own; give at least one"
        )
    outputs = ("logits", *head.aux_names)
    reads = [pair for loss in losses for pair in loss.reads.items()]
    for name, output in reads:
        if output not in outputs:
            raise ValueError(
                f"model.losses entry {name!r} reads output {output!r}, but "
                f"model.decode_head {type(head).__name__} gives {list(outputs)}"
            )


def _masks(data_samples: Sequence[SegDataSample], size: tuple[int, int]) -> Tensor:
    """Masks of all expressions, ``(N, *size)``."""
    for sample in data_samples:
        if "gt_sem_seg" not in sample:
            raise ValueError(
                "a batch of training has no masks. Put LoadRefMasks into the pipeline "
                "of train_dataloader, before RefResize"
            )
        found = tuple(sample.gt_sem_seg.data.shape[-2:])
        if found != size:
            raise ValueError(
                f"masks of size {found} for inputs of size {size}: in a training "
                "pipeline LoadRefMasks stands before RefResize"
            )
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])
