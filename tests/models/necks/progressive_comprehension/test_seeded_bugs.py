"""The comparison with the printed equations sees the bugs that are easy to make."""

import pytest
import torch

from mmris.models.necks.progressive_comprehension import (
    comprehension_level,
    joint_features,
    relation_reasoning,
    word_types,
)
from tests.models.necks.progressive_comprehension.test_progressive_comprehension_neck import (  # noqa: E501
    INDEX,
    literally,
    make_maps,
    make_neck,
    make_text,
)
from tests.seeded_bugs import broken

CLASSIFIER = (word_types, "WordTypeClassifier")
PERCEPTION = (joint_features, "EntityPerception")
REASONING = (relation_reasoning, "RelationReasoning")
LEVEL = (comprehension_level, "ComprehensionLevel")
BUGS = {
    "mask of the classifier flipped": (
        *CLASSIFIER,
        "tokens = text.tokens.masked_fill(~text.mask",
        "tokens = text.tokens.masked_fill(text.mask",
    ),
    "types exchanged": (
        *CLASSIFIER,
        "ENTITY, ATTRIBUTE, RELATION, UNNECESSARY = range(4)",
        "ENTITY, ATTRIBUTE, UNNECESSARY, RELATION = range(4)",
    ),
    "words of another length": (
        *CLASSIFIER,
        "words = unit_length(tokens, dim=2)",
        "words = tokens",
    ),
    "images exchanged": (
        *PERCEPTION,
        "projected[image_index]",
        "projected[image_index.flip(0)]",
    ),
    "mask of the words left out": (
        *REASONING,
        "affinity.masked_fill(padding, -torch.inf)",
        "affinity",
    ),
    "mask of the words flipped": (
        *REASONING,
        "padding = ~phrase.mask",
        "padding = phrase.mask",
    ),
    "softmaxes over each other's axis": (
        *REASONING,
        "-torch.inf), dim=1)",
        "-torch.inf), dim=2)",
    ),
    "affinity scaled": (
        *REASONING,
        "@ joint + offsets[:, :, None]",
        "@ joint * joint.shape[1] ** -0.5 + offsets[:, :, None]",
    ),
    "bias of the vertices not in the affinity": (
        *REASONING,
        "@ joint + offsets[:, :, None]",
        "@ joint",
    ),
    "bias of the vertices not doubled": (*REASONING, "2**num_layers * ", ""),
    "identity left out": (
        *REASONING,
        "= features + total @",
        "= total @",
    ),
    "layers in the wrong order": (
        *REASONING,
        "reversed(self.layers.unbind())",
        "self.layers.unbind()",
    ),
    "words by words transposed": (
        *REASONING,
        "total + gathered + total @ between",
        "total + gathered + total @ between.transpose(1, 2)",
    ),
    "height and width exchanged": (
        *LEVEL,
        "coordinate_map(height, width,",
        "coordinate_map(width, height,",
    ),
    "columns of the output exchanged": (
        *LEVEL,
        "visual, joint, sentence = torch.split(",
        "joint, visual, sentence = torch.split(",
    ),
    "branch detached": (
        *LEVEL,
        "total = projected.base[image_index] +",
        "total = projected.base[image_index].detach() +",
    ),
}


def agrees(neck):
    """Whether outputs and gradients equal those of the printed equations."""
    text, maps = make_text(), make_maps()
    for level in maps:
        level.requires_grad_()
    result, expected = neck(maps, text, INDEX).maps, literally(neck, maps, text)
    for one, other in zip(result, expected):
        if not torch.allclose(one, other, rtol=0, atol=1e-9):
            return False
    weights = [torch.randn_like(level) for level in expected]

    def gradients(levels):
        total = sum((w * level).sum() for w, level in zip(weights, levels))
        return torch.autograd.grad(total, maps)

    return all(
        torch.allclose(one, other, rtol=0, atol=1e-9)
        for one, other in zip(gradients(result), gradients(expected))
    )


def test_the_neck_as_it_is_agrees():
    assert agrees(make_neck())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    module, name, old, new = BUGS[bug]
    neck, replacement = make_neck(), broken(module, name, old, new)
    hit = [part for part in neck.modules() if type(part).__name__ == name]
    assert hit
    for part in hit:
        part.__class__ = replacement
    assert not agrees(neck)
