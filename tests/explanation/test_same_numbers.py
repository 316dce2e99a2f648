"""The maps are the forward pass's: with its values they give what it gave.

Each test applies the weights that are shown to what they weight and compares with the
output of the module, which has never made them.
"""

import pytest
import torch

from mmris.explanation import record_calls
from mmris.explanation.sources.cascade import _joined
from mmris.models import (
    AsymmetricCoAttention,
    SynchronousFusion,
    VanillaCoAttention,
)
from mmris.models.decode_heads._embedding_attention import (
    EmbeddingsFromMap,
    MapFromEmbeddings,
)
from mmris.models.decode_heads._window_attention import WindowAttention
from mmris.models.fusion_blocks._pair_block import unit_pixels, unit_words
from mmris.models.fusion_blocks.co_attention.asymmetric_co_attention import (
    pyramid_means,
)
from mmris.models.fusion_blocks.co_attention.position_specific_language import (
    PositionSpecificLanguage,
)
from mmris.models.layers import unit_length
from mmris.models.necks.progressive_comprehension.relation_reasoning import (
    RelationReasoning,
)
from mmris.models.necks.progressive_comprehension.word_types import (
    ATTRIBUTE,
    ENTITY,
    RELATION,
    WordTypeClassifier,
)
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.models.fusion_blocks.test_cross_modal_attention_block import (
    INDEX,
    make_level,
    make_text,
)
from tests.models.fusion_blocks.test_cross_modal_attention_block import (
    make_block as make_whole_block,
)
from tests.models.fusion_blocks.test_pair_attention_blocks import (
    ATTENTIONS,
    make_block,
)
from tests.models.jmceln_parts import enliven

close = torch.testing.assert_close


def some_text(channels=4, sentence=5, lengths=(4, 2)):
    torch.manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(*mask.shape, channels, dtype=torch.float64)
    sentence = torch.randn(len(lengths), sentence, dtype=torch.float64)
    return TextFeatures(tokens.masked_fill(~mask[..., None], 0), mask, sentence)


def make_attention(name):
    if name == "CrossModalAttentionBlock":
        return make_whole_block().double()
    return make_block(name)


@pytest.mark.parametrize("name", ["CrossModalAttentionBlock", *ATTENTIONS])
def test_attention_of_pairs(name):
    block, text, level = make_attention(name), make_text(), make_level((5, 3))
    shares = block.shares(level, text, INDEX)
    pixels, words = unit_pixels(level), unit_words(text)
    of_pixels = block.of_pixels(block.value, pixels).transpose(1, 2)[INDEX]
    gathered = shares.pixels @ of_pixels
    gathered = gathered + shares.words @ block.of_words(block.value, words.tokens)
    residual = block.image_residual(pixels)
    close(
        block.mix(gathered, residual, words, INDEX),
        block(level, text, INDEX),
        rtol=0,
        atol=1e-9,
    )
    for part in shares:
        close(part.sum(dim=2), torch.ones_like(part[..., 0]))
    assert (shares.words[~text.mask[:, None].expand_as(shares.words)] == 0).all()


@pytest.mark.parametrize("name", ["CrossModalAttentionBlock", *ATTENTIONS])
def test_attention_of_each_word_averages_to_that_of_all(name):
    block, text, level = make_attention(name), make_text(), make_level((2, 4))
    mean = block.shares(level, text, INDEX)
    length = text.mask.shape[1]
    each = []
    for word in range(length):
        alone = torch.zeros(text.mask.shape, dtype=torch.float64)
        alone[:, word] = text.mask[:, word].double()
        each.append(block.shares(level, text, INDEX, query_weights=alone))
    counts = text.mask.sum(dim=1)[:, None, None]
    # In the other blocks the word that looks has no say in it.
    if name in ("CrossModalAttentionBlock", "SameWordAttentionBlock"):
        close(sum(shares.pixels for shares in each) / counts, mean.pixels)
    if name in ("CrossModalAttentionBlock", "SamePixelAttentionBlock"):
        close(sum(shares.words for shares in each) / counts, mean.words)


def test_types_of_words():
    torch.manual_seed(0)
    classifier = WordTypeClassifier(in_channels=4, channels=6).double()
    text = some_text()
    with record_calls([(classifier, "shares")]) as record:
        phrase = classifier(text)
    shares = record.last(classifier, "shares").result
    words = unit_length(text.tokens, dim=2)
    entity = (shares[..., ENTITY] + shares[..., ATTRIBUTE])[..., None] * words
    close(phrase.entity, unit_length(entity.sum(dim=1), dim=1))
    close(phrase.relation, shares[..., RELATION])
    close(shares.sum(dim=2), text.mask.double())


@pytest.mark.parametrize("num_layers", [1, 2])
def test_graph_of_relations(num_layers):
    torch.manual_seed(0)
    reasoning = RelationReasoning(
        channels=6, word_channels=4, num_layers=num_layers
    ).double()
    phrase = WordTypeClassifier(in_channels=4, channels=6).double()(some_text())
    joint = 3 * torch.randn(2, 6, 10, dtype=torch.float64)
    with record_calls([(reasoning, "shares")]) as record:
        found = reasoning(joint, phrase, torch.eye(6, dtype=torch.float64))
    of_words, of_places = record.last(reasoning, "shares").result
    graph = of_words.transpose(1, 2) @ of_places + torch.eye(10, dtype=torch.float64)
    features = reasoning.vertex(joint.transpose(1, 2))
    for layer in reasoning.layers:
        features = graph @ features @ layer.t()
    close(found, features.transpose(1, 2))
    assert of_places.std(dim=2).max() > 0.01


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "residual": True}])
def test_attention_of_cells_and_words(settings):
    neck = SynchronousFusion(
        in_levels=[LevelSpec(3, 8), LevelSpec(5, 16)],
        in_text=TextSpec(4, 5),
        channels=8,
        grid_size=(3, 2),
        num_heads=2,
        **settings,
    )
    neck = enliven(neck)
    torch.manual_seed(2)
    levels = [
        torch.randn(1, 3, 6, 6, dtype=torch.float64),
        torch.randn(1, 5, 3, 3, dtype=torch.float64),
    ]
    methods = [(layer, "attend") for layer in neck.layers]
    with record_calls(methods) as record:
        neck(levels, some_text(), torch.tensor([0, 0]))
    for layer in neck.layers:
        (prepared, mask), result = record.last(layer, "attend")
        shares = layer.shares(prepared, mask)  # (R, h, S, S)
        values = layer._heads(prepared.value)
        tokens = layer.output((shares @ values).transpose(1, 2).flatten(2))
        if prepared.residual is not None:
            tokens = prepared.residual + tokens
        close(tokens, result)
        close(shares.sum(dim=3), torch.ones_like(shares[..., 0]))
        assert (shares.transpose(1, 3)[~mask] == 0).all()
        assert shares.std(dim=3).max() > 0.05


def both_maps():
    torch.manual_seed(3)
    return [unit_length(torch.randn(2, 6, 4, 3).double(), dim=1) for _ in range(2)]


@pytest.mark.parametrize("explicit_positions", [2500, 0])
@pytest.mark.parametrize("affinity_norm", [True, False])
def test_vanilla_co_attention(explicit_positions, affinity_norm):
    attention = enliven(
        VanillaCoAttention(
            channels=6,
            attention_channels=4,
            affinity_norm=affinity_norm,
            explicit_positions=explicit_positions,
        )
    )
    multimodal, language = both_maps()
    of_seen, of_said = attention.shares(multimodal, language)
    seen = (multimodal.flatten(2) @ of_seen.transpose(1, 2)).view_as(multimodal)
    said = (language.flatten(2) @ of_said.transpose(1, 2)).view_as(language)
    expected = torch.cat(
        [attention.multimodal_mixing(seen), attention.language_mixing(said)], dim=1
    )
    close(attention(multimodal, language), expected)
    for shares in (of_seen, of_said):
        close(shares.sum(dim=2), torch.ones(2, 12).double())
        assert shares.std(dim=2).max() > 0.05
    assert not torch.allclose(of_seen, of_said.transpose(1, 2))


def test_asymmetric_co_attention():
    attention = AsymmetricCoAttention(
        channels=6, attention_channels=4, pool_sizes=(1, 2, 3)
    )
    attention = enliven(attention)
    multimodal, language = both_maps()
    with record_calls([(attention, "shares")]) as record:
        found = attention(multimodal, language)
    shares = record.last(attention, "shares").result
    each = torch.eye(12).double().view(1, 12, 4, 3)
    places = pyramid_means(each, attention.pool_sizes)[0] @ shares  # (N, P, P)
    gathered = []
    for stream, maps in (
        (attention.multimodal, multimodal),
        (attention.language, language),
    ):
        pooled = (maps.flatten(2) @ places).view_as(maps)
        gathered.append(stream.output(stream.value(pooled)))
    close(found, torch.cat(gathered, dim=1))
    close(places.sum(dim=1), torch.ones(2, 12).double())


@pytest.mark.parametrize("query_conv", [True, False])
def test_language_of_a_place(query_conv):
    language = enliven(
        PositionSpecificLanguage(token_channels=4, channels=6, query_conv=query_conv)
    )
    multimodal, _ = both_maps()
    text = some_text()
    with record_calls([(language, "shares")]) as record:
        found = language(multimodal, text)
    (words, _, _), shares = record.last(language, "shares")
    close(found.flatten(2), words.transpose(1, 2) @ shares)
    close(shares.sum(dim=1), torch.ones(2, 12).double())
    assert (shares[1, 2:] == 0).all()


def test_attentions_of_embeddings():
    torch.manual_seed(0)
    gather = enliven(EmbeddingsFromMap(channels=8, num_heads=2))
    write = enliven(MapFromEmbeddings(channels=8, num_heads=2))
    keys, values = torch.randn(2, 2, 8, 7).double()
    embeddings = torch.randn(2, 3, 8).double()
    looks = gather.shares(embeddings, keys).view(2, 2, 3, 7)
    heads = gather.value(values.transpose(1, 2)).view(2, 7, 2, 4).transpose(1, 2)
    expected = gather.output((looks @ heads).transpose(1, 2).flatten(2))
    close(gather(embeddings, keys, values), expected)

    taken = write.shares(keys, embeddings)  # (N, h, Q, P)
    heads = write.value(embeddings).view(2, 3, 2, 4).transpose(1, 2)
    expected = write.output((taken.transpose(2, 3) @ heads).transpose(1, 2).flatten(2))
    close(write(keys, embeddings), expected.transpose(1, 2))


@pytest.mark.parametrize("size", [(4, 7), (6, 3)])
def test_attention_in_windows(size):
    window = enliven(WindowAttention(channels=6, window_size=3, num_heads=1))
    features = torch.randn(1, 6, *size).double()
    softmax = window.attention.softmax
    with record_calls([(softmax, "forward")]) as record:
        found = window(features)
    shares = record.last(softmax, "forward").result.mean(dim=1)
    places = _joined(shares, window.windows(*size))
    tokens = window.norm(features.flatten(2).transpose(1, 2))
    values = window.attention.qkv(tokens)[..., 12:]
    attended = window.attention.proj(places @ values).transpose(1, 2)
    close(found, features + attended.view_as(features))
    close(places.sum(dim=1), torch.ones(size[0] * size[1]).double())
