"""The language models that :class:`HuggingFaceTextEncoder` can hold, one entry each.

What transformers keeps under different names (layers, embeddings, the module without a
head) is written down here, and how a sentence is read off its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn
    from transformers import PretrainedConfig


def first_token(tokens: Tensor, _: Tensor) -> Tensor:
    """The feature of the token in front, ``(N, C_t)``: BERT's ``[CLS]``."""
    return tokens[:, 0]


def last_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """The feature of each row's last valid token, ``(N, C_t)``: CLIP's end of text."""
    rows = torch.arange(tokens.shape[0], device=tokens.device)
    return tokens[rows, mask.sum(dim=1) - 1]


def mean_of_tokens(tokens: Tensor, mask: Tensor) -> Tensor:
    """The mean over each row's valid tokens, ``(N, C_t)``."""
    total = tokens.masked_fill(~mask[..., None], 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class EncoderFamily:
    """A kind of language model.

    Attributes:
        tokenizer_type: ``model_type`` that transformers files its tokenizers under.
        tokenizer_class: Its tokenizer, for folders that name none.
        model_class: Class of transformers whose every parameter takes part in the
            features of the tokens.
        layers: Where the model keeps its layers.
        embeddings: Where it keeps what comes before them.
        sentence: Reads a sentence off tokens ``(N, T, C_t)`` and their mask.
        core: The attribute of that class that holds the model, ``""`` for itself.
        model_arguments: Arguments of that class.
        projected_class: The same with CLIP's projection of the sentence, if there is.
        leading_tokens: Tokens that the model wants before the words.
        trailing_tokens: Tokens that the model wants after the words.
        positions_after_padding: Whether positions are numbered from one after the
            padding id on, as RoBERTa does.
    """

    tokenizer_type: str
    tokenizer_class: str
    model_class: str
    layers: str
    embeddings: str
    sentence: Callable[[Tensor, Tensor], Tensor]
    core: str = ""
    model_arguments: Mapping[str, Any] = field(default_factory=dict)
    projected_class: str | None = None
    leading_tokens: int = 0
    trailing_tokens: int = 0
    positions_after_padding: bool = False

    def core_of(self, model: nn.Module) -> nn.Module:
        """The module that maps ids to features of tokens.

        Args:
            model: An instance of ``model_class`` or ``projected_class``.

        Returns:
            The module. Releases of transformers wrap CLIP's or do not; its parameters
            have the same names in all.
        """
        return cast("nn.Module", getattr(model, self.core, model))

    def first_position(self, config: PretrainedConfig) -> int:
        """The position of the first token.

        Args:
            config: Config of the model.

        Returns:
            Its row in the table of positions.
        """
        if not self.positions_after_padding:
            return 0
        return cast("int", config.pad_token_id) + 1

    def max_positions(self, config: PretrainedConfig) -> int | None:
        """Most tokens of a sentence.

        Args:
            config: Config of the model.

        Returns:
            Their number, None for models without a limit (T5).
        """
        positions: int | None = getattr(config, "max_position_embeddings", None)
        return None if positions is None else positions - self.first_position(config)


_BERT: dict[str, Any] = {
    "layers": "encoder.layer",
    "embeddings": "embeddings",
    "sentence": first_token,
    # The pooler serves a pretraining task and would never get a gradient.
    "model_arguments": {"add_pooling_layer": False},
    "leading_tokens": 1,
}
_CLIP = EncoderFamily(
    tokenizer_type="clip",
    tokenizer_class="CLIPTokenizerFast",
    model_class="CLIPTextModel",
    projected_class="CLIPTextModelWithProjection",
    core="text_model",
    layers="encoder.layers",
    embeddings="embeddings",
    sentence=last_token,
    trailing_tokens=1,
)
FAMILIES = {
    "bert": EncoderFamily("bert", "BertTokenizerFast", "BertModel", **_BERT),
    "roberta": EncoderFamily(
        "roberta",
        "RobertaTokenizerFast",
        "RobertaModel",
        positions_after_padding=True,
        **_BERT,
    ),
    "distilbert": EncoderFamily(
        "distilbert",
        "DistilBertTokenizerFast",
        "DistilBertModel",
        layers="transformer.layer",
        embeddings="embeddings",
        sentence=first_token,
        leading_tokens=1,
    ),
    "clip_text_model": _CLIP,
    "clip": _CLIP,
    "t5": EncoderFamily(
        "t5",
        "T5TokenizerFast",
        "T5EncoderModel",
        core="encoder",
        layers="block",
        embeddings="embed_tokens",
        sentence=mean_of_tokens,
    ),
}


def family_of(model_type: str, *, source: str) -> EncoderFamily:
    """Look a kind of language model up.

    Args:
        model_type: Its name in transformers.
        source: Where the name stands, for the message.

    Returns:
        The kind.

    Raises:
        ValueError: It is not one of those supported.
    """
    if model_type not in FAMILIES:
        raise ValueError(
            f"{source} is of model_type {model_type!r}, which is no language model "
            f"that HuggingFaceTextEncoder can hold; choose one of {sorted(FAMILIES)}"
        )
    return FAMILIES[model_type]
