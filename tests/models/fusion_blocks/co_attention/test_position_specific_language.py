import pytest
import torch

from mmris.models.fusion_blocks.co_attention import (
    position_specific_language as language_file,
)
from mmris.models.fusion_blocks.co_attention.position_specific_language import (
    PositionSpecificLanguage,
)
from mmris.structures import TextFeatures
from tests.models.fusion_blocks.co_attention_cases import (
    agrees,
    liven,
    make_maps,
    make_text,
)
from tests.references import co_attention as reference
from tests.seeded_bugs import broken


def make_module(*, query_conv=True):
    torch.manual_seed(0)
    module = PositionSpecificLanguage(
        token_channels=4, channels=7, query_conv=query_conv
    )
    return liven(module).double().eval()


def make_multimodal(size=(4, 3)):
    return make_maps(size, rows=3)[0]


def literally(module, multimodal, text):
    rows = zip(multimodal, text.tokens, text.mask, strict=True)
    return torch.stack(
        [reference.position_specific_language(module, *row) for row in rows]
    )


@pytest.mark.parametrize("size", [(4, 3), (2, 5), (1, 1)])
@pytest.mark.parametrize("query_conv", [True, False])
def test_equals_equation_2_place_by_place(size, query_conv):
    """The reference takes the softmax over padding too and renormalises."""
    module, text = make_module(query_conv=query_conv), make_text()
    multimodal = make_multimodal(size)
    found = module(multimodal, text)
    expected = literally(module, multimodal, text)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_one_word_is_itself_everywhere():
    module, text = make_module(), make_text([1, 1, 1])
    found = module(make_multimodal(), text)
    assert (found - found[:, :, :1, :1]).abs().max() < 1e-12
    one = torch.ones(3, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(found.norm(dim=1), one)


def test_words_in_training_are_normalised_over_the_words_alone():
    text = make_text()
    longer = torch.cat([text.tokens, torch.full_like(text.tokens, 50.0)], dim=1)
    mask = torch.cat([text.mask, torch.zeros_like(text.mask)], dim=1)
    results, statistics = [], []
    for words in (text, TextFeatures(longer, mask, text.sentence)):
        module = make_module().train()
        results.append(module(make_multimodal(), words))
        statistics.append(module.words.norm.running_mean)
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-11)
    torch.testing.assert_close(statistics[1], statistics[0], rtol=0, atol=1e-12)


def test_scores_keep_their_precision_under_autocast():
    module, text = make_module().float(), make_text()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence.float())
    multimodal = make_multimodal().float()
    exact = module(multimodal, text)
    with torch.autocast("cpu", torch.bfloat16):
        found = module(multimodal, text)
    assert found.dtype == torch.float32
    assert (found - exact).abs().max() < 0.03  # the words are projected in bfloat16


BUGS = {
    "mask flipped": ("masked_fill(~mask", "masked_fill(mask"),
    "softmax over the places": (
        "torch.softmax(scores, dim=1)",
        "torch.softmax(scores, dim=2)",
    ),
    "scale": (
        "torch.softmax(scores, dim=1)",
        "torch.softmax(scores * scores.shape[1] ** -0.5, dim=1)",
    ),
    "query transposed": ("weight.flatten(1)", "weight.flatten(1).t()"),
    "bias left out": ("multimodal.flatten(2) + offsets", "multimodal.flatten(2)"),
    "words not of length one": (
        "unit_length(self.words(text.tokens, text.mask), dim=2)",
        "self.words(text.tokens, text.mask)",
    ),
    "places transposed": (
        "language.reshape(multimodal.shape)",
        "language.unflatten(2, multimodal.shape[:1:-1]).transpose(2, 3)",
    ),
    "branch detached": (
        "torch.softmax(scores, dim=1)",
        "torch.softmax(scores, dim=1).detach()",
    ),
}


def module_agrees(module):
    text, multimodal = make_text(), make_multimodal().requires_grad_()
    found = type(module).forward(module, multimodal, text)
    return agrees(found, literally(module, multimodal, text), [multimodal])


def test_the_module_as_it_is_agrees():
    assert module_agrees(make_module())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    module = make_module()
    module.__class__ = broken(language_file, "PositionSpecificLanguage", *BUGS[bug])
    assert not module_agrees(module)
