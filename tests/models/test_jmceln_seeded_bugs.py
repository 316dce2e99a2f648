"""The comparisons with JMCELN's equations see the bugs that are easy to make.

Each test runs a copy of a module with one line broken on purpose and asserts that the
comparison fails.
"""

import pytest

from mmris.models.decode_heads import _embedding_attention as attention_file
from mmris.models.decode_heads import _window_attention as window_file
from mmris.models.decode_heads import contextual_embedding_cascade as cascade_file
from mmris.models.decode_heads import long_short_range_attention as first_map_file
from mmris.models.decode_heads import progressive_alignment_network as alignment_file
from mmris.models.decode_heads import progressive_upsample_mask_decoder as decoder_file
from mmris.models.layers import switch_norm as norm_file
from mmris.models.necks import text_multiplied_neck as neck_file
from tests.models.decode_heads import (
    test_contextual_embedding_cascade as cascade_test,
)
from tests.models.decode_heads import (
    test_long_short_range_attention as first_map_test,
)
from tests.models.decode_heads import (
    test_progressive_alignment_network as alignment_test,
)
from tests.models.decode_heads import (
    test_progressive_upsample_mask_decoder as decoder_test,
)
from tests.models.jmceln_parts import (
    make_alignment,
    make_cascade,
    make_first_map,
    make_neck,
)
from tests.models.layers import test_switch_norm as norm_test
from tests.models.necks import test_text_multiplied_neck as neck_test
from tests.references import joint_mask_contextual_embedding as reference
from tests.seeded_bugs import broken

NECK = {
    "picture of another expression": (
        "coarsest[image_index]",
        "coarsest[1 - image_index]",
    ),
    "lateral of another picture": ("lateral[image_index]", "lateral[1 - image_index]"),
    "halves of a merge exchanged": (
        "merge.conv.weight[:, self.channels :]",
        "merge.conv.weight[:, : self.channels]",
    ),
    "sum instead of product": ("said * coarsest", "said + coarsest"),
    "no activation after a merge": ("merge.activate(merge.norm(", "(merge.norm("),
    "levels merged from fine to coarse": (
        "reversed(self._merges()), reversed(added)",
        "reversed(self._merges()), added",
    ),
    "height and width exchanged": (
        "resize_to(above, lateral.shape[-2:])",
        "resize_to(above.transpose(2, 3), lateral.shape[-2:])",
    ),
}
NORM = {
    "biased variance": ("correction=1 if positions > 1 else 0", "correction=0"),
    "variance of the means left out": (
        "keepdim=True) + among",
        "keepdim=True) + 0 * among",
    ),
    "layer and batch exchanged": (
        "instance, layer, batch = torch",
        "instance, batch, layer = torch",
    ),
    "weights of the mean for the variance": (
        "_mix(variances, self.var_weight)",
        "_mix(variances, self.mean_weight)",
    ),
    "no softmax": ("torch.softmax(weight, dim=0)", "weight"),
    "momentum the other way": (
        "self.running_mean.lerp_(batch_mean.to(self.running_mean), self.momentum)",
        "self.running_mean.lerp_(batch_mean.to(self.running_mean), 1 - self.momentum)",
    ),
    "unbiased variance among means": ("correction=0, keepdim", "correction=1, keepdim"),
}
WINDOW = {
    "padding as keys": ('float("-inf")', "0.0"),
    "padding above": (
        "functional.pad(tokens, (0, 0, 0, right, 0, below))",
        "functional.pad(tokens, (0, 0, right, 0, below, 0))",
    ),
    "normalised map as residual": (
        "return features + ",
        "return tokens[:, :height, :width].permute(0, 3, 1, 2) + ",
    ),
    "no residual": ("return features + ", "return "),
    "windows laid out in columns": (
        "cells.transpose(2, 3).reshape(shape)",
        "cells.permute(0, 2, 4, 1, 3, 5).reshape(shape)",
    ),
    "no normalisation": (
        "self.norm(at_least_float32(features.permute(0, 2, 3, 1)))",
        "features.permute(0, 2, 3, 1)",
    ),
}
FIRST_MAP = {
    "branches of the map itself": (
        "dilated_look(branch, attended)",
        "dilated_look(branch, features)",
    ),
    "close look at what was attended": ("self.close(features)", "self.close(attended)"),
    "sum instead of product": ("close * mixed", "close + mixed"),
    "branches backwards": ("torch.cat(looks,", "torch.cat(looks[::-1],"),
    "activation of the close look": (
        'norm_cfg={"type": "BN"}, act_cfg=None',
        'norm_cfg={"type": "BN"}',
    ),
    "no dilation": ("dilation=dilation,", "dilation=1,"),
}
GATHER = {
    "key and value exchanged": (
        "self.shares(embeddings, keys)",
        "self.shares(embeddings, values)",
    ),
    "values of the keys' map": ("values.transpose(1, 2)", "keys.transpose(1, 2)"),
    "scale left out": ("heads * scale", "heads"),
    "softmax over embeddings": (
        "torch.softmax(scores, dim=2)  # over positions",
        "torch.softmax(scores, dim=1)",
    ),
    "bias of the value forgotten": (
        "heads.flatten(2) + self.value.bias",
        "heads.flatten(2)",
    ),
    "heads interleaved": (
        "tokens.view(*tokens.shape[:2], self.num_heads, -1)",
        "tokens.view(*tokens.shape[:2], -1, self.num_heads).transpose(2, 3)",
    ),
}
WRITE = {
    "bias of the query forgotten": (" + offset.flatten(1)[:, :, None]", ""),
    "softmax over heads": (
        "torch.softmax(scores, dim=2)  # over embeddings",
        "torch.softmax(scores, dim=1)",
    ),
    "one softmax for all heads": (
        "torch.softmax(scores, dim=2)  # over embeddings",
        "torch.softmax(scores.flatten(1, 2), dim=1).view_as(scores)",
    ),
    "bias of the output forgotten": (" + self.output.bias[:, None]", ""),
    "rows of the output's weight": (
        "self.output.weight.to(values.dtype).view",
        "self.output.weight.to(values.dtype).t().reshape",
    ),
    "values not projected": ("self.value(embeddings)", "embeddings"),
}
CASCADE = {
    "keys of the first map": (
        "keys = self._prepare(merged.flatten(2), dim=1)",
        "keys = self._prepare(newest.flatten(2), dim=1)",
    ),
    "embeddings do not add up": (
        "embeddings + stage.gather(",
        "stage.gather(",
    ),
    "always adaptive": ("values is None or self.adaptive", "True"),
    "embeddings before the stage are written": (
        "stage.write(seen, self._prepare(embeddings, dim=2))",
        "stage.write(seen, query.expand_as(embeddings))",
    ),
    "map not added": ("newest + written.view_as(newest)", "written.view_as(newest)"),
    "proposal and map exchanged": (
        "stage.align(newest + written.view_as(newest), newest)",
        "stage.align(newest, newest + written.view_as(newest))",
    ),
    "writing on the first map": ("stage.write(seen,", "stage.write(values,"),
}
ALIGNMENT = {
    "map before not added": ("return aligned + before", "return aligned"),
    "gate of the proposal": ("self.gate(before)", "self.gate(proposal)"),
    "parts exchanged": ("first, second, third = torch", "first, third, second = torch"),
    "only two products": (
        "conv(passed)) * features",
        "conv(passed)) * (features if conv is self.filters[0] else 1.0)",
    ),
    "no normalisation": ("self.norm(self.final(passed))", "self.final(passed)"),
    "gate added": ("self.gate(before)) * first", "self.gate(before)) + first"),
}
DECODER = {
    "doubled after the convolution": (
        "conv(self.enlarge(features))",
        "self.enlarge(conv(features))",
    ),
    "no last doubling": ("self.enlarge(self.score(features))", "self.score(features)"),
    "corners aligned": ("align_corners=False", "align_corners=True"),
    "nearest": ('mode="bilinear", align_corners=False', 'mode="nearest"'),
    "activation of the reduction": (
        "features = self.reduce(features)",
        "features = self.reduce(features).relu()",
    ),
}


def differs(agrees, *args, **kwargs):
    """A comparison that fails; one that cannot even be made fails as well."""
    try:
        return not agrees(*args, **kwargs)
    except (RuntimeError, ValueError):
        return True


def cases(bugs):
    return pytest.mark.parametrize("bug", bugs)


def test_everything_agrees_as_it_is():
    assert neck_test.agrees(make_neck())
    for training in (True, False):
        assert norm_test.agrees(
            norm_test.make_norm(), norm_test.make_maps(), training=training
        )
        assert alignment_test.agrees(make_alignment(), training=training)
    assert first_map_test.agrees(
        first_map_test.make_window(), reference.window_attention, (5, 4)
    )
    assert first_map_test.agrees(make_first_map(), reference.long_short_range, (5, 4))
    assert cascade_test.agrees(make_cascade())
    assert cascade_test.agrees(make_cascade(adaptive=False))
    assert decoder_test.agrees(decoder_test.make_decoder())


@cases(NECK)
def test_neck(bug):
    copy = broken(neck_file, "TextMultipliedNeck", *NECK[bug])
    assert differs(neck_test.agrees, make_neck(cls=copy))


@cases(NORM)
def test_norm(bug):
    copy = broken(norm_file, "SwitchNorm2d", *NORM[bug])
    norm = norm_test.make_norm()
    norm.__class__ = copy
    assert differs(norm_test.agrees, norm, norm_test.make_maps(), training=True)


@cases(WINDOW)
def test_window(bug):
    part = first_map_test.make_window()
    part.__class__ = broken(window_file, "WindowAttention", *WINDOW[bug])
    assert differs(first_map_test.agrees, part, reference.window_attention, (5, 4))


@cases(FIRST_MAP)
def test_first_map(bug):
    copy = broken(first_map_file, "LongShortRangeAttention", *FIRST_MAP[bug])
    part = make_first_map(cls=copy)
    if bug == "no dilation":  # the reference must not read it off the module
        right = make_first_map()
        right.load_state_dict(part.state_dict())
        compare = lambda _, level: reference.long_short_range(right, level)  # noqa: E731
    else:
        compare = reference.long_short_range
    assert differs(first_map_test.agrees, part, compare, (5, 4))


@cases(GATHER)
def test_gather(bug):
    copy = broken(attention_file, "EmbeddingsFromMap", *GATHER[bug])
    assert differs(cascade_test.gather_agrees, cascade_test.make_gather(copy))


@cases(WRITE)
def test_write(bug):
    copy = broken(attention_file, "MapFromEmbeddings", *WRITE[bug])
    assert differs(cascade_test.write_agrees, cascade_test.make_write(copy))


@cases(CASCADE)
def test_cascade(bug):
    copy = broken(cascade_file, "ContextualEmbeddingCascade", *CASCADE[bug])
    adaptive = bug not in ("always adaptive", "writing on the first map")
    part = make_cascade(cls=copy, adaptive=adaptive)
    assert differs(cascade_test.agrees, part)


@cases(ALIGNMENT)
def test_alignment(bug):
    copy = broken(alignment_file, "ProgressiveAlignmentNetwork", *ALIGNMENT[bug])
    part = make_alignment()
    part.__class__ = copy
    assert differs(alignment_test.agrees, part, training=False)


@cases(DECODER)
def test_decoder(bug):
    copy = broken(decoder_file, "ProgressiveUpsampleMaskDecoder", *DECODER[bug])
    assert differs(decoder_test.agrees, decoder_test.make_decoder(cls=copy))
