"""Any language model of Hugging Face's transformers as text encoder.

Papers: Devlin et al., "BERT", NAACL 2019, https://arxiv.org/abs/1810.04805; Liu et al.,
"RoBERTa", https://arxiv.org/abs/1907.11692; Sanh et al., "DistilBERT",
https://arxiv.org/abs/1910.01108; Radford et al., "Learning Transferable Visual Models
From Natural Language Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020;
Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
Transformer" (T5), JMLR 2020, https://arxiv.org/abs/1910.10683.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmris.registry import MODELS
from mmris.structures import TextSpec

from .hugging_face_model import (
    PRETRAINED_KEY,
    build_model,
    load_pretrained,
    read_config,
)
from .hugging_face_tokenizer import TOKENIZER_KEY, load_tokenizer
from .subword_text_encoder import SubwordTextEncoder
from .subword_tokenizer import SubwordTokenizer, check_fingerprint, pack_fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.structures import TextFeatures

    from .base_text_encoder import TokenBatch


@MODELS.register_module()
class HuggingFaceTextEncoder(SubwordTextEncoder):
    """BERT, RoBERTa, DistilBERT, CLIP's text transformer or T5's encoder.

    The features of the tokens are the last layer's, after the model's final norm if it
    has one. The sentence is the feature of the first token (``[CLS]``) for BERT,
    RoBERTa and DistilBERT, of the end token for CLIP, and the mean over all tokens, the
    end token included, for T5, which has no token for the sentence.

    Weights come from one of three places. ``config`` gives random ones. ``pretrained``
    is a folder that ``save_pretrained`` wrote, or a name on the hub; config and
    tokenizer are read from there at once, the weights by :meth:`init_weights`, which
    training calls and which a checkpoint makes unnecessary. Weights in files of any
    dtype become float32.

    Frozen parts get no gradients and stay in evaluation mode, without dropout, while
    the rest trains. Learning rates of parts are set as for any module, by the
    ``custom_keys`` of MMEngine's ``optim_wrapper.paramwise_cfg``:
    ``text_encoder=dict(lr_mult=0.1)`` is the whole encoder, the key
    ``text_encoder.model.embeddings`` its embeddings; the longest matching key counts,
    and frozen parameters are left out of the optimizer. Every parameter that is not
    frozen takes part in the features, so that distributed training needs no search for
    unused ones; the projection only if the sentence is used.

    The state dict has the weights and a fingerprint of the tokenizer: a checkpoint that
    was trained with other tokens is refused.

    Args:
        config: For random weights: the values of a config of transformers as a dict,
            ``model_type`` (bert, roberta, distilbert, clip_text_model, t5) among them,
            or the path of a config.json.
        pretrained: For pretrained weights: a folder, or a name on the hub.
        tokenizer: None takes that of ``pretrained``. Otherwise a word list of BERT
            (.txt, one token a line, lower case unless it has capitals), a
            tokenizer.json, a folder, a name on the hub, or ``"clip"`` for CLIP's own,
            which needs no download.
        max_words: Tokens kept of a sentence, the special ones included; the end token
            stays. None keeps as many as the model has positions for.
        keep_special_tokens: Whether start and end tokens count as words in tokens and
            mask. The sentence is the same either way.
        projected: Whether the sentence goes through CLIP's projection into the space
            that it shares with images; ``C_s`` is ``projection_dim`` then.
        frozen: Whether nothing is trained.
        num_frozen_layers: The embeddings and so many layers are not trained; 0 is the
            embeddings alone, None nothing.

    Raises:
        FileNotFoundError: No such file or folder.
        OSError: Folder or hub do not give config or tokenizer.
        ValueError: A value is out of its range, the model is of no supported kind, or
            the tokenizer does not match it.

    Deviations: none from the papers' models; BERT's and RoBERTa's pooler, which serves
    a pretraining task, is left out.

    Example:
        >>> from mmris.models.text_encoders import HuggingFaceTextEncoder
        >>> encoder = HuggingFaceTextEncoder(
        ...     config={"model_type": "clip_text_model", "hidden_size": 16,
        ...             "num_hidden_layers": 1, "num_attention_heads": 2,
        ...             "intermediate_size": 32},
        ...     tokenizer="clip", max_words=20)
        >>> encoder(["circle", "the red circle"]).tokens.shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        *,
        config: dict[str, Any] | str | None = None,
        pretrained: str | None = None,
        tokenizer: str | None = None,
        max_words: int | None = None,
        keep_special_tokens: bool = True,
        projected: bool = False,
        frozen: bool = False,
        num_frozen_layers: int | None = None,
    ) -> None:
        settings, family = read_config(config, pretrained)
        source = tokenizer or pretrained
        if source is None:
            raise ValueError(
                f"{TOKENIZER_KEY} is not given, and random weights have none of their "
                "own; name a word list, a tokenizer.json, a folder, a name on the "
                "Hugging Face hub, or 'clip'"
            )
        subwords = SubwordTokenizer(
            load_tokenizer(
                source,
                family,
                key=TOKENIZER_KEY if tokenizer else PRETRAINED_KEY,
            ),
            source=source,
            family=family,
            vocab_size=settings.vocab_size,
            max_words=max_words,
            max_positions=family.max_positions(settings),
        )
        super().__init__(
            tokenizer=subwords,
            keep_special_tokens=keep_special_tokens,
            frozen=frozen,
            num_frozen_layers=num_frozen_layers,
        )
        self._family = family
        self.model, self.projection = build_model(settings, family, projected=projected)
        self._first_position = family.first_position(settings)
        self._spec = TextSpec(
            settings.hidden_size,
            settings.projection_dim if projected else settings.hidden_size,
        )
        # None once they were read, or once a checkpoint has made them obsolete.
        self._pending_weights = pretrained
        self.freeze()

    @property
    def spec(self) -> TextSpec:
        """Widths of the result."""
        return self._spec

    def init_weights(self) -> None:
        """Read the pretrained weights, if there are and no checkpoint gave others."""
        # Not the base's way, which would ask the model to start anew.
        if self._pending_weights is None:
            return
        load_pretrained(
            self.model,
            self.projection,
            pretrained=self._pending_weights,
            family=self._family,
        )
        self._pending_weights = None

    @torch.compiler.disable
    def tokenize(self, sentences: Sequence[str]) -> TokenBatch:
        """Cut sentences into tokens and number them.

        Args:
            sentences: N sentences.

        Returns:
            The tokens, special ones included, ``(N, T)``, T being those of the longest
            sentence.

        Raises:
            RuntimeError: The pretrained weights were never read.
            TypeError: A lone string, or an entry that is no string.
            ValueError: A sentence is blank, or there is none.
        """
        if self._pending_weights is not None:
            raise RuntimeError(
                f"the weights of {self._pending_weights} were not read yet; call the "
                "model's init_weights(), or load a checkpoint"
            )
        batch: TokenBatch = super().tokenize(sentences)
        return batch

    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Run the model.

        Args:
            batch: Tokens of N sentences, special ones included, ``(N, T)``.

        Returns:
            Features of the tokens, ``(N, T, C_t)``, zero on padding, T being less if
            special tokens are not kept; and of the sentences, ``(N, C_s)``.
        """
        mask = batch.mask
        # Ids of padding may be anything, also outside the table.
        arguments = {
            "input_ids": batch.ids.masked_fill(~mask, 0),
            "attention_mask": mask.long(),
        }
        if self._family.positions_after_padding:
            # Said, because the model would guess from the ids what is padding.
            steps = torch.arange(mask.shape[1], device=mask.device)
            arguments["position_ids"] = (steps * mask) + self._first_position
        tokens: Tensor = self.model(**arguments)[0]
        tokens = tokens.masked_fill(~mask[..., None], 0.0)
        sentence = self._family.sentence(tokens, mask)
        if self.projection is not None:
            sentence = self.projection(sentence)
        return self.features(tokens, mask, sentence)

    def get_extra_state(self) -> Tensor:
        """The fingerprint of the tokenizer, for the state dict."""
        return pack_fingerprint(self.tokenizer.fingerprint)

    def set_extra_state(self, state: Tensor) -> None:
        """Compare with the fingerprint of a state dict.

        Args:
            state: What :meth:`get_extra_state` gave.

        Raises:
            ValueError: It is another tokenizer's.
        """
        check_fingerprint(state, self.tokenizer)

    def _embeddings(self) -> list[nn.Module]:
        return [self.model.get_submodule(self._family.embeddings)]

    def _layers(self) -> list[nn.Module]:
        return list(self.model.get_submodule(self._family.layers).children())

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any
    ) -> None:
        is_complete = self.check_shapes(
            state_dict,
            prefix,
            remedy="it was trained with another language model or tokenizer. Give "
            "model.text_encoder its config (or pretrained) and tokenizer",
        )
        if is_complete:
            self._pending_weights = None
        super()._load_from_state_dict(state_dict, prefix, *others)
