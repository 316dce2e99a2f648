import itertools

import pytest
import torch
from torch.nn import functional

from mmris.models import ContextualEmbeddingCascade
from mmris.models.decode_heads._embedding_attention import (
    EmbeddingsFromMap,
    MapFromEmbeddings,
)
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.models.jmceln_parts import (
    ALIGNMENT,
    CHANNELS,
    FIRST_MAP,
    assert_close,
    assert_gradients,
    enliven,
    make_cascade,
    make_fused,
    make_map,
)
from tests.references.joint_mask_contextual_embedding import (
    cascade,
    multi_head,
    places,
)

ROWS = {
    "1, baseline": {"num_stages": 0, "first_map": None},
    "2, LSRAN": {"num_stages": 0},
    "3, cascade": {"first_map": None, "alignment": None},
    "4, without PAN": {"alignment": None},
    "5, full": {},
    "6, not adaptive": {"adaptive": False},
}
SPEC = FusedSpec((LevelSpec(CHANNELS, 8),), (TextSpec(2, 6),))


def make_gather(cls=EmbeddingsFromMap):
    return enliven(cls(channels=CHANNELS, num_heads=2))


def make_write(cls=MapFromEmbeddings):
    return enliven(cls(channels=CHANNELS, num_heads=2))


def make_embeddings(rows=2):
    torch.manual_seed(5)
    return torch.randn(rows, 3, CHANNELS, dtype=torch.float64)


def gather_agrees(part, embeddings=None):
    keys, values = make_map(), make_map(seed=4)
    embeddings = make_embeddings() if embeddings is None else embeddings
    result = part(embeddings, keys.flatten(2), values.flatten(2))
    for n, own in enumerate(embeddings.expand(2, -1, -1)):
        rows = multi_head(part, own, places(keys[n]), places(values[n]))
        if not torch.allclose(result[n], torch.stack(rows), rtol=0, atol=1e-11):
            return False
    return True


def write_agrees(part):
    maps, embeddings = make_map(), make_embeddings()
    result = part(maps.flatten(2), embeddings)
    for n in range(2):
        rows = multi_head(part, places(maps[n]), embeddings[n], embeddings[n])
        if not torch.allclose(result[n], torch.stack(rows, 1), rtol=0, atol=1e-11):
            return False
    return True


def agrees(part, *, training=False, atol=1e-9):
    """Whether the last map is that of the loops, with unfolded projections."""
    merged = make_map()
    with torch.no_grad():
        expected = torch.stack(cascade(part, list(merged)))
        result = part.train(training)(make_fused(merged))
    return torch.allclose(result, expected, rtol=0, atol=atol)


def test_gathering_equals_unfolded_attention():
    assert gather_agrees(make_gather())
    assert gather_agrees(make_gather(), make_embeddings(1))


def test_writing_equals_unfolded_attention():
    assert write_agrees(make_write())


def as_torch(part):
    """torch's own multi-head attention of the same weights, with a bias of the key."""
    attention = torch.nn.MultiheadAttention(CHANNELS, 2, batch_first=True).double()
    with torch.no_grad():
        weights = [part.query.weight, part.key.weight, part.value.weight]
        attention.in_proj_weight.copy_(torch.cat(weights))
        key_bias = torch.randn(CHANNELS).double()
        biases = [part.query.bias, key_bias, part.value.bias]
        attention.in_proj_bias.copy_(torch.cat(biases))
        attention.out_proj.load_state_dict(part.output.state_dict())
    return attention


def test_both_attentions_are_torchs_whatever_bias_the_keys_have():
    gather, write = make_gather(), make_write()
    maps = [make_map().flatten(2), make_map(seed=4).flatten(2)]
    tokens = [one.transpose(1, 2) for one in maps]
    embeddings = make_embeddings()
    expected = as_torch(gather)(embeddings, *tokens)[0]
    assert_close(gather(embeddings, *maps), expected)
    expected = as_torch(write)(tokens[0], embeddings, embeddings)[0]
    assert_close(write(maps[0], embeddings), expected.transpose(1, 2))


def test_gradients_are_those_of_unfolded_attention():
    gather, write = make_gather(), make_write()
    maps = [make_map().flatten(2), make_map(seed=4).flatten(2)]
    for part, given, order in (
        (gather, (make_embeddings(), *maps), (0, 1, 2)),
        (write, (maps[0], make_embeddings()), (0, 1, 1)),
    ):
        inputs = [one.requires_grad_() for one in given]
        found = part(*inputs)
        tokens = [one if one.shape[1] == 3 else one.transpose(1, 2) for one in inputs]
        expected = as_torch(part)(*(tokens[i] for i in order))[0]
        if part is write:
            expected = expected.transpose(1, 2)
        weights = torch.randn_like(found)
        for one, other in zip(
            torch.autograd.grad((found * weights).sum(), inputs),
            torch.autograd.grad((expected * weights).sum(), inputs),
            strict=True,
        ):
            assert_close(one, other)


@pytest.mark.parametrize("row", list(ROWS)[2:])
@pytest.mark.parametrize("pre_norm", [False, True])
def test_stages_equal_the_printed_equations(row, pre_norm):
    assert agrees(make_cascade(**ROWS[row], pre_norm=pre_norm))


def test_rows_without_stages():
    merged = make_map()
    for row in list(ROWS)[:2]:
        part = make_cascade(**ROWS[row])
        assert not hasattr(part, "embeddings")
        expected = merged if part.first_map is None else part.first_map(merged)
        assert_close(part(make_fused(merged)), expected)


def test_all_rows_differ():
    results = [make_cascade(**row)(make_fused(make_map())) for row in ROWS.values()]
    for one, other in itertools.combinations(results, 2):
        assert (one - other).abs().max() > 1e-3


def test_the_stages_do_not_share_weights():
    part = make_cascade()
    names = [name for name, _ in part.named_parameters() if "stages.0." in name]
    for name in names:
        other = part.get_parameter(name.replace("stages.0.", "stages.1."))
        assert other is not part.get_parameter(name)


def test_layer_normalisation_with_weights_adds_nothing_to_the_projections():
    """Why ``pre_norm`` has none: any scale and shift can be moved into what follows."""
    part = make_write()
    maps, embeddings = make_map().flatten(2), make_embeddings()
    scale, shift = torch.randn(2, 2, CHANNELS, dtype=torch.float64)
    affine = [
        maps * scale[0][:, None] + shift[0][:, None],
        embeddings * scale[1] + shift[1],
    ]
    moved = make_write()
    with torch.no_grad():
        moved.query.bias += part.query.weight @ shift[0]
        moved.query.weight.copy_(part.query.weight * scale[0])
        moved.value.bias += part.value.weight @ shift[1]
        moved.value.weight.copy_(part.value.weight * scale[1])
        moved.key.weight.copy_(part.key.weight * scale[1])
    assert_close(moved(maps, embeddings), part(*affine))


def test_pre_norm_is_blind_to_the_scale_of_what_it_reads():
    part = make_cascade(first_map=None, alignment=None, num_stages=1, pre_norm=True)
    merged = make_map()
    change = part(make_fused(merged)) - merged
    again = part(make_fused(1000.0 * merged)) - 1000.0 * merged
    assert_close(again, change, atol=1e-3)
    part.pre_norm = False
    far = part(make_fused(1000.0 * merged)) - 1000.0 * merged
    assert (far - change).abs().max() > 1.0


def test_several_levels_are_added_up_or_merged_as_asked():
    levels = [make_map((5, 4)), make_map((3, 2), seed=4)]
    part = make_cascade(num_levels=2)
    total = levels[0] + functional.interpolate(
        levels[1], (5, 4), mode="bilinear", align_corners=False
    )
    single = make_cascade()
    assert_close(part(make_fused(*levels)), single(make_fused(total)))
    merge = {"type": "FPNAggregation", "channels": 16}
    part = make_cascade(num_levels=2, merge=merge)
    assert part.out_channels == 16
    merged = part.merge(make_fused(*levels))
    single = ContextualEmbeddingCascade(
        in_features=FusedSpec((LevelSpec(16, 8),), (TextSpec(2, 6),)),
        num_stages=2,
        num_embeddings=3,
        num_heads=2,
        first_map=FIRST_MAP,
        alignment=ALIGNMENT,
    ).double()
    own = {
        name: value
        for name, value in part.state_dict().items()
        if not name.startswith("merge.")
    }
    single.load_state_dict(own)
    expected = single.eval()(make_fused(merged))
    assert_close(part(make_fused(*levels)), expected)


def test_words_do_not_matter_any_more():
    part, fused = make_cascade(), make_fused(make_map())
    (text,) = fused.text
    other = TextFeatures(text.tokens + 1e4, text.mask, text.sentence - 5.0)
    changed = FusedFeatures(fused.maps, (other,), fused.image_index)
    assert torch.equal(part(changed), part(fused))


@pytest.mark.parametrize("pre_norm", [False, True])
def test_batched_equals_single(pre_norm):
    part, merged = make_cascade(pre_norm=pre_norm), make_map((7, 2), rows=3)
    together = part(make_fused(merged))
    for n in range(3):
        alone = part(make_fused(merged[n : n + 1]))
        assert_close(alone[0], together[n], atol=1e-10)


@pytest.mark.parametrize("row", list(ROWS)[1:])
@pytest.mark.parametrize("training", [False, True])
def test_every_parameter_has_a_gradient(row, training):
    part = make_cascade(**ROWS[row]).train(training)
    assert_gradients(part, part(make_fused(make_map())))


@pytest.mark.parametrize("size", [(1, 1), (2, 9)])
def test_a_map_of_any_size_keeps_it(size):
    result = make_cascade()(make_fused(make_map(size)))
    assert result.shape == (2, CHANNELS, *size)
    assert torch.isfinite(result).all()


@pytest.mark.parametrize("pre_norm", [False, True])
def test_autocast(pre_norm):
    part = make_cascade(pre_norm=pre_norm).float()
    fused = make_fused(make_map().float())
    with torch.no_grad():
        exact = part(fused)
        with torch.autocast("cpu", torch.bfloat16):
            result = part(fused)
    assert torch.isfinite(result).all()
    assert (result - exact).abs().max() < 0.15 * exact.abs().max()


@pytest.mark.parametrize("row", ["1, baseline", "3, cascade", "5, full"])
def test_compiled_is_the_same(row):
    part, fused = make_cascade(**ROWS[row]), make_fused(make_map())
    compiled = torch.compile(part, backend="aot_eager", fullgraph=True)
    assert_close(compiled(fused), part(fused), atol=1e-10)


def test_exported_for_any_number_of_expressions():
    part = make_cascade()
    rows = torch.export.Dim("rows", min=2, max=64)

    class OnMaps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.part = part

        def forward(self, maps, tokens, mask, sentence, index):
            text = TextFeatures(tokens, mask, sentence)
            return self.part(FusedFeatures((maps,), (text,), index))

    def inputs(count):
        text = make_fused(make_map(rows=3)).text[0]
        values = [make_map(rows=4), text.tokens, text.mask, text.sentence]
        values = [torch.cat([value, value])[:count] for value in values]
        return (*values, torch.zeros(count, dtype=torch.int64))

    program = torch.export.export(
        OnMaps(), inputs(3), dynamic_shapes=[{0: rows}] * 5, strict=False
    )
    for count in (2, 5):
        assert_close(
            program.module()(*inputs(count)), OnMaps()(*inputs(count)), atol=1e-10
        )


def test_the_map_stays_of_its_size_over_the_stages_of_the_paper():
    """No stage of the literal equations blows the map up, nor is one without effect."""
    torch.manual_seed(0)
    part = ContextualEmbeddingCascade(
        in_features=FusedSpec((LevelSpec(64, 8),), (TextSpec(2, 6),)),
        alignment=ALIGNMENT,
    )
    maps = []
    for stage in part.stages:
        stage.alignment.register_forward_hook(lambda *args: maps.append(args[2]))
    part(make_fused(0.7 * torch.randn(2, 64, 13, 12)))
    sizes = [level.square().mean().sqrt().item() for level in maps]
    assert len(sizes) == 6
    assert all(0.5 < size < 4.0 for size in sizes)
    for one, other in itertools.pairwise(maps):
        assert (one - other).square().mean().sqrt() > 0.05


def test_messages():
    part = r"aggregation ContextualEmbeddingCascade has "
    with pytest.raises(ValueError, match=part + "num_stages -1 and"):
        ContextualEmbeddingCascade(in_features=SPEC, num_stages=-1)
    with pytest.raises(ValueError, match=part + ".*num_embeddings 0; give at least 1"):
        ContextualEmbeddingCascade(in_features=SPEC, num_embeddings=0)
    for heads in (0, 3):
        with pytest.raises(
            ValueError, match=part + f"num_heads {heads} for maps of 8 channels; choose"
        ):
            ContextualEmbeddingCascade(in_features=SPEC, num_heads=heads)
