import copy

import pytest
import torch

from mmris.models import BoundaryEnhancementHead, TopDownDecodeHead
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests import parts
from tests.models.decode_heads.cefnet_levels import (
    SIZES,
    WIDTHS,
    agrees,
    all_outputs,
    enliven,
    make_fused,
    make_spec,
)
from tests.models.decode_heads.shnet_levels import expanded, single_row
from tests.references import boundary_enhancement as reference

HEADS = {BoundaryEnhancementHead: reference.head, TopDownDecodeHead: reference.top_down}
CASES = [
    (2, frozenset()),
    (3, frozenset({0})),
    (3, frozenset({0, 1, 2})),
    (5, frozenset({0, 1})),
]
kinds = pytest.mark.parametrize("kind", HEADS)


def make_head(kind=BoundaryEnhancementHead, num_levels=3):
    spec = make_spec(num_levels)
    return enliven(kind(in_features=spec, channels=WIDTHS[:num_levels]))


@kinds
@pytest.mark.parametrize(("num_levels", "per_image"), CASES)
def test_equals_the_equations(kind, num_levels, per_image):
    head = make_head(kind, num_levels)
    fused = make_fused(num_levels, rows=3, per_image=per_image)
    assert agrees(head, fused, HEADS[kind])


def test_names_and_sizes_of_the_outputs():
    head, fused = make_head(num_levels=5), make_fused(5)
    names = [f"mask_{k}" for k in (2, 3, 4)]
    names += [f"{kind}_{k}" for kind in ("body", "boundary") for k in (1, 2, 3, 4)]
    assert head.aux_names == tuple(names)
    found = all_outputs(head, fused)
    assert found["mask_1"].shape == (2, 1, *SIZES[5][0])
    for name in head.aux_names:
        kind, k = name.split("_")
        level = int(k) if kind == "body" else int(k) - 1  # bodies are those of S_{k+1}
        assert found[name].shape == (2, 1, *SIZES[5][level])
    plain = make_head(TopDownDecodeHead, num_levels=5)
    assert plain.aux_names == ("mask_2", "mask_3", "mask_4")
    assert make_head(TopDownDecodeHead, num_levels=2).aux_names == ()


@kinds
def test_in_evaluation_only_what_the_mask_needs_runs(kind):
    head, fused = make_head(kind), make_fused()
    ran = set()
    for name, module in head.named_modules():
        module.register_forward_hook(lambda *_, name=name: ran.add(name))
    output = head(fused)
    assert output.aux == {}
    scores = ("mask_scores.blocks", "body_scores", "boundary_scores")
    assert not [name for name in ran if name.startswith(scores)]
    torch.testing.assert_close(output.logits, all_outputs(head, fused)["mask_1"])


@kinds
@pytest.mark.parametrize("num_levels", [2, 5])
def test_batched_equals_single(kind, num_levels):
    head, fused = make_head(kind, num_levels), make_fused(num_levels, rows=3)
    logits = head(fused).logits
    for row in range(3):
        alone = head(single_row(fused, row)).logits
        torch.testing.assert_close(alone, logits[row : row + 1], rtol=0, atol=1e-12)


@kinds
def test_levels_of_images_are_convolved_once_an_image(kind):
    head = make_head(kind, 5)
    fused = make_fused(5, rows=7, per_image=frozenset({0, 1}))
    one = FusedFeatures(  # seven expressions of one image
        tuple(m[:1] if k < 2 else m for k, m in enumerate(fused.maps)),
        fused.text,
        torch.zeros(7, dtype=torch.int64),
        fused.per_image,
    )
    rows = []
    for lateral in head.laterals.levels:
        lateral.register_forward_hook(lambda _m, given, _o: rows.append(len(given[0])))
    logits = head(one).logits
    assert rows == [1, 1, 7, 7, 7]
    torch.testing.assert_close(head(expanded(one)).logits, logits)


@kinds
def test_every_parameter_has_a_gradient(kind):
    head, fused = make_head(kind, 5).train(), make_fused(5, rows=4)
    output = head(fused)
    sum(
        (value * torch.randn_like(value)).sum()
        for value in (output.logits, *output.aux.values())
    ).backward()
    for name, parameter in head.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


@kinds
def test_the_mask_reaches_all_that_leads_to_it(kind):
    head, fused = make_head(kind).train(), make_fused(rows=4)
    head(fused).logits.square().sum().backward()
    unused = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, parameter in head.named_parameters()
        if parameter.grad is None
    }
    scores = {"body_scores.0", "body_scores.1", "boundary_scores.0"}
    scores |= {"boundary_scores.1"}
    assert unused - scores == {"mask_scores.blocks"}


@kinds
def test_under_autocast_close_to_float32(kind):
    head = make_head(kind, 5).float()
    fused = make_fused(5, dtype=torch.float32)
    expected = all_outputs(head, fused)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = all_outputs(head, fused)
    for name, value in found.items():
        scale = expected[name].abs().max()
        assert (value.float() - expected[name]).abs().max() < 0.1 * scale, name
    head.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(fused)
        total = sum(v.float().sum() for v in (output.logits, *output.aux.values()))
    total.backward()
    for name, parameter in head.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@kinds
def test_compiled_is_the_same(kind):
    head = make_head(kind, 2)
    fused = make_fused(2, rows=3, per_image=frozenset({0}))
    for training in (False, True):
        expected = copy.deepcopy(head).train(training)(fused)
        torch.compiler.reset()
        compiled = torch.compile(
            head.train(training), backend="aot_eager", fullgraph=True
        )
        found = compiled(fused)
        torch.testing.assert_close(found.logits, expected.logits)
        for name, value in expected.aux.items():
            torch.testing.assert_close(found.aux[name], value)


class FromTensors(torch.nn.Module):
    """Tensors instead of the value: of them it is easily said which sizes change."""

    def __init__(self, head, per_image):
        super().__init__()
        self.head, self.per_image = head, per_image

    def forward(self, tokens, mask, sentence, image_index, *maps):
        text = (TextFeatures(tokens, mask, sentence),) * len(maps)
        return self.head(FusedFeatures(maps, text, image_index, self.per_image)).logits


def tensors_of(fused):
    text = fused.text[0]
    return text.tokens, text.mask, text.sentence, fused.image_index, *fused.maps


@kinds
def test_exported_is_the_same_for_any_number_of_expressions(kind):
    head, fused = make_head(kind), make_fused(rows=3, per_image=frozenset({0}))
    rows = {0: torch.export.Dim("rows", min=2, max=64)}
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(head, fused.per_image),
            tensors_of(fused),
            dynamic_shapes=(*[rows] * 4, (None, rows, rows)),
        )
        other = make_fused(rows=5, per_image=frozenset({0}))
        found = program.module()(*tensors_of(other))
        torch.testing.assert_close(found, head(other).logits)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_published_widths_have_the_published_numbers_of_parameters():
    """At the five levels of a wide ResNet-101 or a plain one."""
    levels = tuple(LevelSpec(c, 4) for c in (64, 256, 512, 1024, 2048))
    spec = FusedSpec(levels, (TextSpec(3, 3),) * 5)
    with torch.device("meta"):
        head = BoundaryEnhancementHead(in_features=spec)
        plain = TopDownDecodeHead(in_features=spec)
    laterals = count(head.laterals.levels)
    convolutions = 9 * (64 * 32 + 256 * 64 + 512 * 128 + 1024 * 256 + 2048 * 512)
    norms_and_slopes = 2 * (32 + 64 + 128 + 256 + 512) + 5
    assert laterals == convolutions + norms_and_slopes == 12_554_181  # 12.6 M
    # Transformers, edges, and the outputs that only training needs: 2.7 M.
    enhancement = (
        sum(count(step.transformer) + count(step.edge) for step in head.steps)
        + count(head.body_scores)
        + count(head.boundary_scores)
        + count(head.mask_scores.blocks)
    )
    assert enhancement == 2_663_523
    # What the row of Table 3 without BEM has not.
    difference = enhancement - count(head.mask_scores.blocks)
    assert count(head) - count(plain) == difference
    # The rest: the coarsest level's second convolution, those of Eq. (11), the score.
    merged = 9 * 2 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 32)
    norms_and_slopes = 2 * (256 + 128 + 64 + 32 + 32) + 5
    rest = count(head) - laterals - enhancement
    assert rest == 9 * 512 * 256 + merged + norms_and_slopes + 9 * 32 + 1


@kinds
def test_one_level_or_other_widths_are_refused(kind):
    name = kind.__name__
    with pytest.raises(ValueError, match=rf"{name} goes down from .* gives only one"):
        kind(in_features=make_spec(1))
    with pytest.raises(
        ValueError, match=rf"{name} has channels \(2, 3\), but model.neck gives 3 lev"
    ):
        kind(in_features=make_spec(3), channels=(2, 3))


BCE = {"type": "BinaryCrossEntropyLoss"}


def five_level_model():
    config = parts.model_config(neck="EncoderFusion")
    config["neck"] = {
        "type": "EncoderFusion",
        "block": {"type": "ConcatBlock", "channels": 8},
        "stages": (1, 2, 3),
        "stem_level": True,
    }
    config["decode_head"] = {
        "type": "BoundaryEnhancementHead",
        "channels": (4, 4, 6, 6, 8),
    }
    config["losses"] = [
        {
            "type": "MaskLoss",
            "name": f"loss_{kind}_{k}",
            "output": "logits" if kind == "mask" and k == 1 else f"{kind}_{k}",
            "loss": BCE,
        }
        for kind in ("mask", "body")
        for k in (1, 2, 3, 4)
    ]
    outputs = [f"boundary_{k}" for k in (1, 2, 3, 4)]
    config["losses"].append({"type": "BoundaryLoss", "outputs": outputs, "loss": BCE})
    return parts.build_model(config)


def test_twelve_losses_and_the_boundary_features_are_in_the_log():
    model = five_level_model().train()
    items = [
        parts.make_item(3, masks_at=(64, 96)),
        parts.make_item(1, masks_at=(64, 96)),
    ]
    data = model.data_preprocessor(parts.collate(items), True)
    total, log = model.parse_losses(model(**data, mode="loss"))
    steps = (1, 2, 3, 4)
    kinds = ("loss_mask", "loss_body", "loss_boundary")
    losses = [f"{kind}_{k}" for kind in kinds for k in steps]
    features = [f"boundary_feature_{k}" for k in steps]
    assert set(log) == {*losses, *features, "loss"}
    assert all(log[name] > 0 for name in (*losses, *features))
    expected = sum(log[name].item() for name in losses)  # all of weight 1
    assert total.item() == pytest.approx(expected, rel=1e-5)
    total.backward()
    assert all(p.grad is not None for p in model.decode_head.parameters())


def test_a_transformer_that_does_not_learn_shows_in_the_log():
    model = five_level_model().train()
    for step in model.decode_head.steps:
        torch.nn.init.zeros_(step.transformer.delta.weight)
        torch.nn.init.zeros_(step.transformer.delta.bias)
    items = [parts.make_item(3, masks_at=(64, 96))]
    data = model.data_preprocessor(parts.collate(items), True)
    losses = model(**data, mode="loss")
    for k in (1, 2, 3, 4):
        assert losses[f"boundary_feature_{k}"] < 1e-5
