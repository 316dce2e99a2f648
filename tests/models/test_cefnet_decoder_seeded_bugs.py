"""The comparisons with CEFNet's decoder see the bugs that are easy to make.

Each test runs a copy of a module with one line broken on purpose and asserts that the
comparison fails.
"""

import pytest
import torch

from mmris.models.decode_heads import _mask_scores as scores_file
from mmris.models.decode_heads import _top_down_laterals as laterals_file
from mmris.models.decode_heads import boundary_enhancement_head as head_file
from mmris.models.decode_heads import boundary_enhancement_step as step_file
from mmris.models.decode_heads import (
    boundary_enhancement_transformer as transformer_file,
)
from mmris.models.decode_heads import top_down_decode_head as plain_file
from mmris.models.losses import boundary_loss as loss_file
from mmris.models.losses import contour as contour_file
from tests.models.decode_heads import cefnet_levels as levels
from tests.models.decode_heads import (
    test_boundary_enhancement_step as step_test,
)
from tests.models.decode_heads import (
    test_boundary_enhancement_transformer as transformer_test,
)
from tests.models.losses import test_boundary_loss as loss_test
from tests.references import boundary_enhancement as reference
from tests.seeded_bugs import broken

TRANSFORMER = {
    "taps turned": (
        "[total - features[:, :, -1], total, total - features[:, :, 0]]",
        "[total - features[:, :, 0], total, total - features[:, :, -1]]",
    ),
    "no correction at the border": (
        "[total - features[:, :, -1], total, total - features[:, :, 0]]",
        "[total, total, total]",
    ),
    "height and width exchanged": (
        "_three_sums(rows.transpose(2, 3)).transpose(2, 3)",
        "_three_sums(rows.transpose(2, 3))",
    ),
    "sum instead of mean": (
        "total / (features.shape[-2] * features.shape[-1])",
        "total",
    ),
    "parts exchanged": (
        "[_nine_sums(features), _nine_sums(context)]",
        "[_nine_sums(context), _nine_sums(features)]",
    ),
    "no ReLU": ("torch.relu(self.hidden(pooled))", "self.hidden(pooled)"),
    "corners aligned": (
        "dtype=theta.dtype) + 1) / length",
        "dtype=theta.dtype)) / (length - 1)",
    ),
    "axes exchanged": ("torch.stack([x, y,", "torch.stack([y, x,"),
    "border repeated": ('padding_mode="zeros"', 'padding_mode="border"'),
    "nearest": ('mode="bilinear"', 'mode="nearest"'),
    "rows before columns": ("delta.view(-1, 2, 3)", "delta.view(-1, 2, 3).flip(1)"),
    "localiser detached": (
        "theta = self.theta(features)",
        "theta = self.theta(features).detach()",
    ),
}
STEP = {
    "sign of the boundary": ("above - body", "body - above"),
    "halves exchanged": ("of_boundary, of_lateral =", "of_lateral, of_boundary ="),
    "lateral of another image": ("own[image_index]", "own[image_index.flip(0)]"),
    "order of the parts": (
        "[resize_to(above, size), changed]",
        "[changed, resize_to(above, size)]",
    ),
    "without the transformer": (
        "edge + resize_to(body, size)",
        "edge + resize_to(above, size)",
    ),
    "body twice": ("[resize_to(above, size),", "[resize_to(body, size),"),
    "boundary detached": (
        "functional.conv2d(boundary, of",
        "functional.conv2d(boundary.detach(), of",
    ),
    "edge not added": ("edge + resize_to(body, size)", "resize_to(body, size)"),
}
HEAD = {
    "body from the boundary": ("(step.body)", "(step.boundary)"),
    "boundary before the lateral": (
        "boundary_scores[level](step.edge)",
        "boundary_scores[level](step.boundary)",
    ),
    "coarsest first": ("self.outputs(taken[::-1])", "self.outputs(taken)"),
    "every level of images": (
        "index_of_rows(fused, level)",
        "fused.image_index",
    ),
    "names from 0": ("name = level + 1", "name = level"),
    "masks of the steps before": ("for step in taken[1:]", "for step in taken[:-1]"),
    "features not handed on": (
        "            features = step.features\n",
        "            last = step.features\n",
    ),
}
LATERALS = {
    "top from the finest": ("laterals.pop()", "laterals.pop(0)"),
    "rows not expanded": (
        "laterals, top if index is None else top[index]",
        "laterals, top",
    ),
    "expanded by another image": ("else top[index]", "else top[1 - index]"),
    "levels of images mistaken": (
        "if level in fused.per_image else None",
        "if level not in fused.per_image else None",
    ),
    "no slope": ("nn.PReLU()", "nn.ReLU()"),
}
SCORES = {
    "named from the finest": ('f"mask_{level + 1}"', 'f"mask_{level}"'),
    "one block for all": ("name: block(features)", "name: self.blocks[0](features)"),
    "no block before the logits": (
        "        conv_block(in_channels, channels, kernel_size=3, "
        "activation=nn.PReLU()),\n        nn.Conv2d(channels,",
        "        nn.Identity(),\n        nn.Conv2d(in_channels,",
    ),
    "slope of ReLU": ("nn.PReLU()", "nn.ReLU()"),
    "a probability": ("self.score(features)", "self.score(features).sigmoid()"),
}
PLAIN = {
    "parts exchanged": ("[above, lateral]", "[lateral, above]"),
    "lateral of another image": ("lateral[index]", "lateral[1 - index]"),
    "above at the size above": ("resize_to(features, lateral.shape[-2:])", "features"),
    "masks of the steps before": ("maps[-2::-1]", "maps[:-1]"),
    "the finest twice": ("maps[-2::-1]", "[maps[-1]] * (len(maps) - 1)"),
    "lateral forgotten": ("[above, lateral]", "[above, 0 * lateral]"),
    "features not handed on": ("maps.append(features)", "features = above"),
}
CONTOUR = {
    "open disc": ("int(radius**2) - row**2", "int(radius**2) - 1 - row**2"),
    "square": ("math.isqrt(int(radius**2) - row**2)", "reach"),
    "diamond": ("math.isqrt(int(radius**2) - row**2)", "reach - abs(row)"),
    "outside is the object": ("(reach,) * 4", "(reach,) * 4, value=True"),
    "only inside": ("return dilated & ~eroded", "return inside & ~eroded"),
    "only outside": ("return dilated & ~eroded", "return dilated & ~inside"),
    "the mask dilated": ("return dilated & ~eroded", "return dilated"),
    "rows only": ("left = reach + row, reach + column", "left = reach + row, reach"),
    "height and width exchanged": (
        "height, width = masks",
        "width, height = masks",
    ),
}
LOSS = {
    "mask instead of contour": (
        "contour(masks, radius=self.radius)[:, None]",
        "masks[:, None]",
    ),
    "one radius for all": ("radius=self.radius", "radius=1"),
    "the prediction instead": ("output.named(name)", "output.logits"),
    "names of the outputs": ('f"loss_{name}": name', 'f"loss_{name[:-2]}": name'),
    "weight forgotten": ("self.weight * loss_at_target", "loss_at_target"),
}


def cases(bugs):
    return pytest.mark.parametrize("bug", list(bugs.values()), ids=list(bugs))


def survives(check, *args):
    """Whether a comparison passes; a broken module may also fail to run."""
    try:
        return check(*args)
    except (RuntimeError, ValueError, IndexError, AttributeError, TypeError):
        return False


def five_levels():
    return levels.make_fused(5, rows=3, per_image=frozenset({0, 1}))


def head_agrees(kind=None):
    head = (kind or head_file.BoundaryEnhancementHead)(
        in_features=levels.make_spec(5), channels=levels.WIDTHS
    )
    return levels.agrees(levels.enliven(head), five_levels(), reference.head)


def plain_agrees(kind=None):
    """Where the coarsest level is of images too."""
    head = (kind or plain_file.TopDownDecodeHead)(
        in_features=levels.make_spec(5), channels=levels.WIDTHS
    )
    fused = levels.make_fused(5, rows=3, per_image=frozenset({0, 4}))
    return levels.agrees(levels.enliven(head), fused, reference.top_down)


def test_the_modules_as_they_are_agree():
    assert head_agrees()
    assert plain_agrees()


@cases(TRANSFORMER)
def test_the_transformer(bug, monkeypatch):
    kind = broken(transformer_file, "SpatialTransformer", *bug)
    monkeypatch.setattr(transformer_test, "SpatialTransformer", kind)
    monkeypatch.setattr(levels, "SpatialTransformer", kind)
    transformer = transformer_test.make_transformer()
    maps = transformer_test.make_map((5, 4))
    assert not survives(transformer_test.agrees, transformer, maps)


@cases(STEP)
def test_the_step(bug, monkeypatch):
    kind = broken(step_file, "BoundaryEnhancementStep", *bug)
    monkeypatch.setattr(step_test, "BoundaryEnhancementStep", kind)
    maps = step_test.make_maps((2, 3), (5, 4), lateral_rows=2)
    index = torch.tensor([1, 0, 0])
    assert not survives(step_test.agrees, step_test.make_step(), *maps, index)


@cases(HEAD)
def test_the_head(bug):
    kind = broken(head_file, "BoundaryEnhancementHead", *bug)
    assert not survives(head_agrees, kind)


@cases(LATERALS)
def test_the_laterals(bug, monkeypatch):
    for name in ("TopDownLaterals", "index_of_rows"):
        monkeypatch.setattr(plain_file, name, broken(laterals_file, name, *bug))
    assert not survives(plain_agrees)


@cases(SCORES)
def test_the_scores(bug, monkeypatch):
    for name in ("MaskScores", "score_block"):
        monkeypatch.setattr(head_file, name, broken(scores_file, name, *bug))
    assert not survives(head_agrees)


@cases(PLAIN)
def test_the_head_without_enhancement(bug):
    kind = broken(plain_file, "TopDownDecodeHead", *bug)
    assert not survives(plain_agrees, kind)


@cases(CONTOUR)
def test_the_contour(bug, monkeypatch):
    monkeypatch.setattr(loss_file, "contour", broken(contour_file, "contour", *bug))
    assert not survives(loss_test.agrees, 3)


@cases(LOSS)
def test_the_boundary_loss(bug, monkeypatch):
    kind = broken(loss_file, "BoundaryLoss", *bug)
    monkeypatch.setattr(loss_test, "BoundaryLoss", kind)
    assert not survives(lambda: loss_test.loss_agrees(loss_test.make_loss(weight=0.5)))
