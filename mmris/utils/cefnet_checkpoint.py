"""Turns checkpoints of CEFNet's released code into those of the same model here.

The names and shapes are those of the release. What is built otherwise here computes the
same with numbers that are moved: a bias in front of a normalisation goes into its
running mean, the identity of the spatial transformers is fixed, and the inputs of some
kernels come in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mmris.models.fusion_blocks import AsymmetricCoAttention

from .backbone_checkpoint import to_float32
from .released_checkpoint import WORDS, check_fit, renamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

_EMBEDDING = "text_encoder.embedding.weight"
_HEAD = "decode_head."
_INPUT_NORM = "img_bn."
_COUNTER = "num_batches_tracked"
# Of a convolution block: convolution, normalisation and slope, numbered here.
_BLOCK = (("conv", "0"), ("bn", "1"), ("relu", "2"))
# Rows come before columns in the coordinates of the release.
_COORDINATES = (1, 0, 3, 2, 5, 4, 7, 6)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_CONFIG = "configs/cefnet/cefnet_wr101-gru_1xb12-200k_refcoco-320.py"


@dataclass(frozen=True)
class ConvertedCEFNet:
    """Weights in the names of a model.

    Attributes:
        state: The weights.
        left_out: Names of the release that the model has no place for.
        mean: What to subtract from blue, green and red, from 0 to 255.
        std: What to divide by then.
    """

    state: dict[str, Tensor]
    left_out: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def convert_cefnet(
    weights: Mapping[str, Tensor], model: nn.Module, *, with_words: bool
) -> ConvertedCEFNet:
    """Rename the weights of a released CEFNet and check that the model gets all.

    Args:
        weights: By the names of the release; ``module.`` before them is taken off.
        model: Built from a config of CEFNet; its numbers are not looked at.
        with_words: Whether the model knows the words that the rows of the embedding
            belong to; without, they are left out.

    Returns:
        The weights, and how pictures are to be normalised: the release does it by a
        layer of its own.

    Raises:
        ValueError: They are none of CEFNet's, with another co-attention than the model,
            or of other shapes.
    """
    plain = to_float32(
        {name.removeprefix("module."): value for name, value in weights.items()}
    )
    if f"{_INPUT_NORM}weight" not in plain or "lang_c3_1.conv.weight" not in plain:
        raise ValueError(
            "the checkpoint has none of CEFNet's names (img_bn, scale1, lang_c3_1, "
            "squeeze_body_edge5); give one that CEFNet's code wrote"
        )
    _check_attention(plain, model)
    mean, std = _input_normalisation(plain)
    known = model.state_dict()
    state: dict[str, Tensor] = {}
    biases: dict[str, Tensor] = {}
    left_out = []
    for name, weight in plain.items():
        ours = renamed(name, _RULES)
        if ours in known and (with_words or ours != _EMBEDDING):
            state[ours] = weight
        elif ours.endswith(".bias") and f"{ours.removesuffix('bias')}weight" in known:
            biases[ours] = weight
        # The masked normalisations of words count no batches.
        elif not name.startswith(_INPUT_NORM) and not name.endswith(_COUNTER):
            left_out.append(name)
    for name, bias in biases.items():
        _move_into_mean(state, name, bias)
    _reorder(state)
    check_fit(
        model,
        state,
        elsewhere=("text_encoder._extra_state",) if with_words else WORDS,
        system="CEFNet",
        remedy=f"Give {_CONFIG}, with the checkpoint's co-attention and "
        "model.text_encoder.num_embeddings",
    )
    return ConvertedCEFNet(state, tuple(left_out), mean, std)


def _rules() -> list[tuple[str, str]]:
    rules = [
        (r"scale1\.0\.", "backbone.conv1."),
        (r"scale1\.1\.", "backbone.bn1."),
        (r"scale2\.1\.", "backbone.layer1."),
        (r"textmodel\.embedding\.", "text_encoder.embedding."),
        (r"textmodel\.mlp\.0\.", "text_encoder.word_linear."),
        (r"textmodel\.rnn\.(\w+)_reverse$", r"text_encoder.backward_layer.\1"),
        (
            r"textmodel\.rnn\.",
            "text_encoder.forward_recurrence.forward_layers.0.",
        ),
        (r"mapping_hT\.0\.", "text_encoder.sentence_projection.linear."),
        (r"mapping_hT\.1\.", "text_encoder.sentence_projection.norm."),
        (r"mapping_lang\.0\.", "text_encoder.word_projection.linear."),
        (r"mapping_lang\.1\.", "text_encoder.word_projection.norm."),
        (r"output1\.1\.", f"{_HEAD}mask_scores.score."),
    ]
    for level in (3, 4, 5):
        block = f"neck.blocks.{level - 2}."
        attention = f"{block}co_attention."
        rules += [
            (rf"scale{level}\.", f"backbone.layer{level - 1}."),
            (rf"c{level}_lang\.0\.", f"{block}language.words.linear."),
            (rf"c{level}_lang\.1\.", f"{block}language.words.norm."),
            (rf"wordvisual{level}\.visual\.", f"{block}language.query."),
            (rf"lang_c{level}_2\.conv\.", f"{block}multimodal.joint."),
            (rf"lang_c{level}_2\.bn\.", f"{block}multimodal.norm."),
            (rf"lang_c{level}_2\.relu\.", f"{block}multimodal.activation."),
            (rf"attention{level}\.linear_e\.", f"{attention}multimodal_comparison."),
            (rf"attention{level}\.linear_q\.", f"{attention}language_comparison."),
            (rf"attention{level}\.conv1\.", f"{attention}language_mixing."),
            (rf"attention{level}\.conv2\.", f"{attention}multimodal_mixing."),
        ]
        rules += _block_rules(rf"lang_c{level}_1\.", f"{block}multimodal.visual.")
        rules += _block_rules(rf"lang_c{level}_3\.", f"{block}mix.")
        for theirs, ours in (("img", "multimodal"), ("lang", "language")):
            before, after = rf"attention{level}\.", f"{attention}{ours}."
            rules += [
                (rf"{before}f_(key|query)_{theirs}\.0\.", rf"{after}\1."),
                (rf"{before}f_(key|query)_{theirs}\.1\.", rf"{after}\1_norm."),
                (rf"{before}f_value_{theirs}\.", f"{after}value."),
                (rf"{before}W_{theirs}\.", f"{after}output."),
            ]
    for level in range(1, 6):
        rules += _block_rules(
            rf"reduced_c{level}\.", f"{_HEAD}laterals.levels.{level - 1}."
        )
    rules += _block_rules(r"output5\.", f"{_HEAD}laterals.top.")
    for level in (2, 3, 4, 5):
        rules += _step_rules(level)
    for level in (1, 2, 3, 4):
        for theirs, ours in (
            (rf"edge_out{level}", f"{_HEAD}boundary_scores.{level - 1}."),
            (rf"dsn_seg_body{level}", f"{_HEAD}body_scores.{level - 1}."),
            (rf"final_seg{level}", f"{_HEAD}mask_scores.blocks.{level - 2}."),
        ):
            rules += _block_rules(rf"{theirs}\.0\.", f"{ours}0.")
            rules.append((rf"{theirs}\.1\.", f"{ours}1."))
    return rules


def _step_rules(level: int) -> list[tuple[str, str]]:
    """Of the decoder's step from a level of the release to the finer one."""
    step = f"{_HEAD}steps.{level - 2}."
    squeeze = rf"squeeze_body_edge{level}\."
    below = rf"output{level - 1}\." + (r"0\." if level == 2 else "")
    return [
        (rf"{squeeze}down\.0\.", f"{step}transformer.down.0.0."),
        (rf"{squeeze}down\.1\.", f"{step}transformer.down.0.1."),
        (rf"{squeeze}down\.3\.", f"{step}transformer.down.1.0."),
        (rf"{squeeze}down\.4\.", f"{step}transformer.down.1.1."),
        (rf"{squeeze}flow_make\.", f"{step}transformer.mix."),
        (rf"{squeeze}fc_loc\.0\.", f"{step}transformer.hidden."),
        (rf"{squeeze}fc_loc\.2\.", f"{step}transformer.delta."),
        (rf"edge_fusion{level}\.", f"{step}edge."),
        *_block_rules(below, f"{step}merge."),
    ]


def _block_rules(theirs: str, ours: str) -> list[tuple[str, str]]:
    return [(rf"{theirs}{part}\.", f"{ours}{number}.") for part, number in _BLOCK]


_RULES = _rules()


def _check_attention(plain: Mapping[str, Tensor], model: nn.Module) -> None:
    asymmetric = "attention3.f_key_img.0.weight" in plain
    built = any(isinstance(part, AsymmetricCoAttention) for part in model.modules())
    if asymmetric != built:
        names = {True: "AsymmetricCoAttention", False: "VanillaCoAttention"}
        raise ValueError(
            f"the checkpoint is of CEFNet with {names[asymmetric]}, the model has "
            f"{names[built]} in model.neck.block.co_attention; give a config of the "
            "former"
        )


def _input_normalisation(
    plain: Mapping[str, Tensor],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation that do what the layer at the input does when it is read."""
    weight, bias, mean, variance = (
        plain[f"{_INPUT_NORM}{name}"].double()
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    std = (variance + 1e-5).sqrt() / weight
    return tuple((mean - bias * std).tolist()), tuple(std.tolist())


def _move_into_mean(state: dict[str, Tensor], name: str, bias: Tensor) -> None:
    """Have the normalisation behind a layer subtract less instead of its bias."""
    layer = name.removesuffix(".bias")
    owner, _, last = layer.rpartition(".")
    norm = {
        "linear": f"{owner}.norm",
        "key": f"{owner}.key_norm",
        "query": f"{owner}.query_norm",
        "0": f"{owner}.1",
    }[last]
    state[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] - bias


def _reorder(state: dict[str, Tensor]) -> None:
    for name in list(state):
        weight = state[name]
        if name.endswith("multimodal.joint.weight"):
            first = weight.shape[1] - len(_COORDINATES)
            order = [*range(first), *(first + place for place in _COORDINATES)]
            state[name] = weight[:, order].contiguous()
        elif name.endswith("mix.0.weight") and _is_asymmetric(state, name):
            language, multimodal = weight.chunk(2, dim=1)
            state[name] = torch.cat([multimodal, language], dim=1)
        elif name.endswith("transformer.delta.bias"):
            state[name] = weight - torch.tensor(_IDENTITY)


def _is_asymmetric(state: Mapping[str, Tensor], name: str) -> bool:
    block = name.removesuffix("mix.0.weight")
    return f"{block}co_attention.multimodal.key.weight" in state
