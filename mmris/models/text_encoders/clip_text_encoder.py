"""CLIP's text transformer.

Paper: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020, Sec. 2.4.
Official code: https://github.com/openai/CLIP, clip/model.py (names of weights).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mmris.registry import MODELS
from mmris.structures import TextSpec

from .clip_text_layer import CLIPTextLayer
from .clip_tokenizer import make_clip_tokenizer
from .hugging_face_families import FAMILIES, last_token
from .hugging_face_tokenizer import CLIP_TOKENIZER
from .subword_text_encoder import SubwordTextEncoder
from .subword_tokenizer import SubwordTokenizer

if TYPE_CHECKING:
    from mmris.structures import TextFeatures

    from .base_text_encoder import TokenBatch

# Of all of OpenAI's CLIP models.
VOCABULARY_SIZE = 49408
MAX_POSITIONS = 77
_EMBEDDING_DEVIATION = 0.02
_POSITION_DEVIATION = 0.01


@MODELS.register_module()
class CLIPTextEncoder(SubwordTextEncoder):
    r"""The text half of CLIP, with CLIP's own subwords; nothing is downloaded.

    Layers with causal attention run over the start token, the subwords and the end
    token. The features of the tokens are those behind the final norm, not projected;
    the sentence is that of the end token, which has seen all others, projected into the
    space that sentences share with images:

    .. math:: F_t = \mathrm{LN}(\mathrm{layers}(E_w + E_p)), \qquad F_s = W F_t^{end}

    Only as many tokens are computed as the longest sentence of a batch has. For
    pretrained weights convert a checkpoint of CLIP by
    ``tools/model_converters/clip_to_mmris.py`` and name it::

        init_cfg=dict(type="Pretrained", checkpoint="rn101.pth", prefix="text_encoder.")

    Args:
        channels: ``C_t``: 512 for RN50, RN101, ViT-B; 640 for RN50x4; 768 for RN50x16
            and ViT-L; 1024 for RN50x64.
        num_layers: Layers, 12 in all of OpenAI's models.
        num_heads: Heads, a divisor of ``channels``: one for every 64 of them in all of
            OpenAI's models.
        projection_channels: ``C_s``: 1024 for RN50 and RN50x64, 512 for RN101 and
            ViT-B, 640 for RN50x4, 768 for RN50x16 and ViT-L. None leaves the projection
            out, for models that do not use the sentence; it has ``C_t`` channels then.
        max_words: Tokens kept of a sentence, start and end included; the end token
            stays. None keeps 77, as many as CLIP has positions for.
        keep_special_tokens: Whether start and end tokens count as words in tokens and
            mask. The sentence is the same either way.
        frozen: Whether nothing is trained.
        num_frozen_layers: The embeddings and so many layers are not trained; 0 is the
            embeddings alone, None nothing.
        init_cfg: As in every MMEngine module.

    Raises:
        ValueError: A value is out of its range.

    Deviations: none.

    Example:
        >>> from mmris.models.text_encoders import CLIPTextEncoder
        >>> encoder = CLIPTextEncoder(
        ...     channels=16, num_layers=1, num_heads=2, projection_channels=6)
        >>> features = encoder(["circle", "the red circle"])
        >>> features.tokens.shape, features.sentence.shape
        (torch.Size([2, 5, 16]), torch.Size([2, 6]))
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        projection_channels: int | None = 512,
        max_words: int | None = None,
        keep_special_tokens: bool = True,
        frozen: bool = False,
        num_frozen_layers: int | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        _check(channels, num_layers, num_heads)
        tokenizer = SubwordTokenizer(
            make_clip_tokenizer(),
            source=CLIP_TOKENIZER,
            family=FAMILIES["clip_text_model"],
            vocab_size=VOCABULARY_SIZE,
            max_words=max_words,
            max_positions=MAX_POSITIONS,
        )
        super().__init__(
            tokenizer=tokenizer,
            keep_special_tokens=keep_special_tokens,
            frozen=frozen,
            num_frozen_layers=num_frozen_layers,
            init_cfg=init_cfg,
        )
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, channels)
        self.positional_embedding = nn.Embedding(MAX_POSITIONS, channels)
        self.transformer = nn.ModuleList(
            CLIPTextLayer(channels, num_heads=num_heads, num_layers=num_layers)
            for _ in range(num_layers)
        )
        self.ln_final = nn.LayerNorm(channels)
        self.text_projection: nn.Linear | None = None
        if projection_channels is not None:
            self.text_projection = nn.Linear(channels, projection_channels, bias=False)
            nn.init.normal_(self.text_projection.weight, std=channels**-0.5)
        nn.init.normal_(self.token_embedding.weight, std=_EMBEDDING_DEVIATION)
        nn.init.normal_(self.positional_embedding.weight, std=_POSITION_DEVIATION)
        self.freeze()

    @property
    def spec(self) -> TextSpec:
        """Widths of the result."""
        channels = self.token_embedding.embedding_dim
        if self.text_projection is None:
            return TextSpec(channels, channels)
        return TextSpec(channels, self.text_projection.out_features)

    def _embeddings(self) -> list[nn.Module]:
        """Those of subwords and of positions."""
        return [self.token_embedding, self.positional_embedding]

    def _layers(self) -> list[nn.Module]:
        """The layers of the transformer."""
        return list(self.transformer)

    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Run the transformer.

        Args:
            batch: Tokens of N sentences, special ones included, ``(N, T)``, at most 77.

        Returns:
            Features of the tokens, ``(N, T, C_t)``, zero on padding, T being two less
            if special tokens are not kept; and of the sentences, ``(N, C_s)``.
        """
        mask = batch.mask
        # Ids of padding may be anything, also outside the table.
        tokens: Tensor = self.token_embedding(batch.ids.masked_fill(~mask, 0))
        tokens = tokens + self.positional_embedding.weight[: mask.shape[1]]
        for layer in self.transformer:
            tokens = layer(tokens)
        tokens = self.ln_final(tokens).masked_fill(~mask[..., None], 0.0)
        sentence = last_token(tokens, mask)
        if self.text_projection is not None:
            sentence = self.text_projection(sentence)
        return self.features(tokens, mask, sentence)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any
    ) -> None:
        self.check_shapes(
            state_dict,
            prefix,
            remedy="it is of another CLIP. Give model.text_encoder its channels and "
            "projection_channels",
        )
        super()._load_from_state_dict(state_dict, prefix, *others)


def _check(channels: int, num_layers: int, num_heads: int) -> None:
    if num_layers < 1:
        raise ValueError(
            f"num_layers is {num_layers}; set model.text_encoder.num_layers to at "
            "least 1"
        )
    if num_heads < 1 or channels % num_heads != 0:
        raise ValueError(
            f"num_heads is {num_heads}, which does not divide the {channels} channels; "
            "set model.text_encoder.num_heads to a divisor, such as "
            f"{max(1, channels // 64)}"
        )
