"""The comparison with the transcription sees the bugs that are easy to make."""

import pytest
import torch

from mmris.models.text_encoders import clip_text_encoder, clip_text_layer
from tests.models.text_encoders.test_clip_text_encoder import (
    HEADS,
    SENTENCES,
    make_encoder,
)
from tests.references.clip_text import clip_text, openai_names
from tests.seeded_bugs import broken

ENCODER = (clip_text_encoder, "CLIPTextEncoder")
LAYER = (clip_text_layer, "CLIPTextLayer")
ATTENTION = (clip_text_layer, "CausalSelfAttention")
GELU = (clip_text_layer, "QuickGELU")
BUGS = {
    "positions left out": (
        *ENCODER,
        "+ self.positional_embedding.weight[: mask.shape[1]]",
        "",
    ),
    "positions of the end of the table": (
        *ENCODER,
        "weight[: mask.shape[1]]",
        "weight[-mask.shape[1] :]",
    ),
    "last norm left out": (*ENCODER, "self.ln_final(tokens)", "tokens"),
    "sentence of the start token": (
        *ENCODER,
        "last_token(tokens, mask)",
        "tokens[:, 0]",
    ),
    "sentence of the last place of the batch": (
        *ENCODER,
        "last_token(tokens, mask)",
        "tokens[:, -1]",
    ),
    "padding is not zero": (
        *ENCODER,
        ".masked_fill(~mask[..., None], 0.0)",
        "",
    ),
    "padding where the id is 0": (
        *ENCODER,
        "mask = batch.mask\n",
        "mask = batch.ids != 0\n",
    ),
    "words see those to come": (*ATTENTION, "is_causal=True", "is_causal=False"),
    "keys and values exchanged": (
        *ATTENTION,
        "query, key, value, is",
        "query, value, key, is",
    ),
    "heads cut the wrong way": (
        *ATTENTION,
        "self.num_heads, -1).transpose(1, 2)",
        "-1, self.num_heads).permute(0, 3, 1, 2)",
    ),
    "GELU of another sharpness": (*GELU, "_SHARPNESS = 1.702", "_SHARPNESS = 1.6"),
    "norms exchanged": (
        *LAYER,
        "self.mlp(self.ln_2(tokens))",
        "self.mlp(self.ln_1(tokens))",
    ),
    "norm behind the attention": (
        *LAYER,
        "self.attn(self.ln_1(tokens))",
        "self.ln_1(self.attn(tokens))",
    ),
    "attention not added": (
        *LAYER,
        "tokens = tokens + self.attn",
        "tokens = self.attn",
    ),
}
# An exclamation mark before another sign is half of a word with the id 0.
ALL = [*SENTENCES, "wow !( here"]


def agrees(encoder):
    """Whether tokens, padding and sentence equal those of the transcription."""
    weights = openai_names(encoder)
    with torch.no_grad():
        text = encoder(ALL)
        for row, ids in enumerate(encoder.tokenizer(ALL)):
            tokens, sentence = clip_text(weights, ids, HEADS)
            expected = torch.zeros_like(text.tokens[row])
            expected[: len(tokens)] = tokens
            for one, other in (
                (text.tokens[row], expected),
                (text.sentence[row], sentence),
            ):
                if not torch.allclose(one, other, rtol=0, atol=1e-9):
                    return False
    return True


def test_the_encoder_as_it_is_agrees():
    assert agrees(make_encoder())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    module, name, old, new = BUGS[bug]
    encoder, replacement = make_encoder(), broken(module, name, old, new)
    hit = [part for part in encoder.modules() if type(part).__name__ == name]
    assert hit
    for part in hit:
        part.__class__ = replacement
    assert not agrees(encoder)
