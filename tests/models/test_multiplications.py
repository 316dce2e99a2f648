"""The tables of multiplications on the pages of the systems are what PyTorch counts.

Left the equation as it is printed, right the module of mmris, at the paper's sizes.
Nothing is computed: shapes are enough to count.
"""

import re

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from mmris.models import (
    AsymmetricCoAttention,
    CrossModalAttentionBlock,
    HierarchicalCrossModalExchange,
    TextMultipliedNeck,
)
from mmris.models.decode_heads._aspp import ASPP
from mmris.models.decode_heads._embedding_attention import (
    EmbeddingsFromMap,
    MapFromEmbeddings,
)
from mmris.models.decode_heads.boundary_enhancement_transformer import (
    SpatialTransformer,
)
from mmris.models.fusion_blocks.co_attention.multimodal_feature import (
    MultimodalFeature,
)
from mmris.models.necks._grid_level import GridLevel
from mmris.models.necks.progressive_comprehension.joint_features import (
    EntityPerception,
)
from mmris.models.necks.progressive_comprehension.relation_reasoning import (
    RelationReasoning,
)
from mmris.models.necks.progressive_comprehension.word_types import Phrase
from mmris.structures import (
    FusedFeatures,
    FusedSpec,
    LevelSpec,
    TextFeatures,
    TextSpec,
)
from tests.conftest import REPOSITORY

ONE = torch.zeros(1, dtype=torch.int64, device="meta")  # one image, one expression


def counted(run):
    """Multiplications of a call, in billions."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 2 / 1e9


def on_meta(make):
    with torch.device("meta"):
        return make().eval()


def maps(*shape):
    return torch.empty(*shape, device="meta")


def conv(maps, out_channels, size, **options):
    """A convolution as it is printed."""
    weight = torch.empty(out_channels, maps.shape[1], size, size, device="meta")
    return functional.conv2d(maps, weight, padding=size // 2, **options)


def product(*shape):
    """Of a (rows, inner) and an (inner, columns) matrix."""
    rows, inner, columns = shape
    return maps(rows, inner) @ maps(inner, columns)


def said(words, channels, sentence_channels):
    """One expression."""
    mask = torch.ones(1, words, dtype=torch.bool, device="meta")
    return TextFeatures(maps(1, words, channels), mask, maps(1, sentence_channels))


def cmsa_level():
    pixels, words, width = 1600, 20, 3056  # a pair has 2048 + 1000 + 8 channels

    def printed():
        for _ in range(3):
            product(pixels * words, width, 512)  # q, k, u
        product(pixels * words, 512, pixels * words)  # scores
        product(pixels * words, pixels * words, 512)  # what is gathered
        product(pixels * words, 512, width)  # W_v
        product(pixels, width, 500)  # W_x

    part = on_meta(
        lambda: CrossModalAttentionBlock(
            in_level=LevelSpec(2048, 8),
            in_text=TextSpec(1000, 1000),
            attention_channels=512,
            out_channels=500,
        )
    )
    return printed, lambda: part(maps(1, 2048, 40, 40), said(words, 1000, 1000), ONE)


def phrase():
    words = said(20, 1000, 1000)
    vector = words.sentence
    return Phrase(words.tokens, words.mask, maps(1, 20), vector, vector, vector)


def cmpc_perception():
    def printed():
        for _ in range(5):
            product(1, 1000, 1000)
            product(1600, 1000, 1000)

    part = on_meta(lambda: EntityPerception(channels=1000, word_channels=1000, rank=5))
    return printed, lambda: part(maps(1, 1000, 1600), phrase(), ONE)


def cmpc_reasoning():
    def printed():
        product(1600, 1000, 1000)  # M_g
        product(1600, 1000, 1000)  # M_g W_5
        product(20, 1000, 1000)  # R W_6
        product(1600, 1000, 20)  # B
        product(1600, 20, 1600)  # A
        product(1600, 1600, 1000)  # A M_g
        product(1600, 1000, 1000)  # W_7
        product(1600, 1000, 1000)  # the columns of W_y

    part = on_meta(
        lambda: RelationReasoning(channels=1000, word_channels=1000, num_layers=1)
    )
    return printed, lambda: part(maps(1, 1000, 1600), phrase(), maps(1000, 1000))


def cefnet_feature():
    def printed():
        conv(maps(1, 512, 40, 40), 512, 3)
        conv(maps(1, 512 + 512 + 8, 40, 40), 512, 3)

    part = on_meta(
        lambda: MultimodalFeature(in_channels=512, sentence_channels=512, channels=512)
    )
    return printed, lambda: part.fuse(
        part.project(maps(1, 512, 40, 40)), maps(1, 512), ONE
    )


def cefnet_asymmetric():
    def printed():
        for _ in range(2):
            for _ in range(3):
                conv(maps(1, 512, 40, 40), 256, 1)  # keys, queries, values
            product(1600, 256, 110)
            product(1600, 110, 256)
            conv(maps(1, 256, 40, 40), 512, 1)

    part = on_meta(lambda: AsymmetricCoAttention(channels=512))
    return printed, lambda: part(maps(1, 512, 40, 40), maps(1, 512, 40, 40))


def cefnet_transformer():
    def printed():
        depthwise = torch.empty(256, 1, 3, 3, device="meta")
        down = functional.conv2d(
            maps(1, 256, 20, 20), depthwise, stride=2, padding=1, groups=256
        )
        functional.conv2d(down, depthwise, stride=2, padding=1, groups=256)
        conv(maps(1, 512, 20, 20), 256, 3)

    part = on_meta(lambda: SpatialTransformer(channels=256))
    return printed, lambda: part.theta(maps(1, 256, 20, 20))


def shnet_gates():
    def printed():
        for _ in range(6):
            conv(maps(1, 1024, 18, 18), 512, 3)

    text = TextSpec(512, 512)
    spec = FusedSpec((LevelSpec(512, 16),) * 3, (text,) * 3)
    part = on_meta(lambda: HierarchicalCrossModalExchange(in_features=spec))
    levels = (maps(1, 512, 18, 18),) * 3
    fused = FusedFeatures(levels, (said(25, 512, 512),) * 3, ONE)
    return printed, lambda: part(fused)


def shnet_pyramid():
    def printed():
        for size, dilation in ((1, 1), (3, 6), (3, 12), (3, 24)):
            weight = torch.empty(512, 512, size, size, device="meta")
            functional.conv2d(
                maps(1, 512, 18, 18),
                weight,
                padding=dilation * (size // 2),
                dilation=dilation,
            )
        conv(maps(1, 512, 1, 1), 512, 1)
        conv(maps(1, 5 * 512, 18, 18), 512, 1)

    part = on_meta(
        lambda: ASPP(
            in_channels=512, channels=512, dilations=(1, 6, 12, 24), dropout=0.0
        )
    )
    return printed, lambda: part(maps(1, 512, 18, 18))


def shnet_grid():
    def printed():
        conv(maps(1, 2048, 40, 40), 512, 3, stride=2)

    part = on_meta(
        lambda: GridLevel(in_channels=2048, channels=512, grid_size=(20, 20))
    )
    return printed, lambda: part(maps(1, 2048, 20, 20))


def jmceln_gather():
    def printed():
        for _ in range(2):
            product(2704, 1024, 1024)  # keys, values
            product(20, 1024, 1024)  # queries, output
            product(20, 2704, 1024)  # scores of all heads; what is gathered

    part = on_meta(lambda: EmbeddingsFromMap(channels=1024, num_heads=8))
    return printed, lambda: part(
        maps(1, 20, 1024), maps(1, 1024, 2704), maps(1, 1024, 2704)
    )


def jmceln_write():
    def printed():
        for _ in range(2):
            product(2704, 1024, 1024)  # queries, output
            product(20, 1024, 1024)  # keys, values
            product(2704, 20, 1024)  # scores of all heads; what is gathered

    part = on_meta(lambda: MapFromEmbeddings(channels=1024, num_heads=8))
    return printed, lambda: part(maps(1, 1024, 2704), maps(1, 20, 1024))


def jmceln_neck():
    sizes = ((512, 52), (1024, 26), (512, 13))

    def printed():
        for channels, side in sizes:
            conv(maps(1, channels, side, side), 1024, 1)
        product(1, 512, 1024)
        for _, side in sizes[:2]:
            conv(maps(1, 2048, side, side), 1024, 1)

    part = on_meta(
        lambda: TextMultipliedNeck(
            in_levels=[LevelSpec(c, 416 // side) for c, side in sizes],
            in_text=TextSpec(512, 512),
            channels=1024,
        )
    )
    levels = [maps(1, c, side, side) for c, side in sizes]
    return printed, lambda: part(levels, said(30, 512, 512), ONE)


CASES = {
    "cmsa": {"a level": cmsa_level},
    "cmpc": {"entity perception": cmpc_perception, "reasoning": cmpc_reasoning},
    "cefnet": {
        "multimodal feature": cefnet_feature,
        "asymmetric co-attention": cefnet_asymmetric,
        "spatial transformer": cefnet_transformer,
    },
    "shnet": {
        "gates": shnet_gates,
        "pyramid pooling": shnet_pyramid,
        "grid of a level": shnet_grid,
    },
    "jmceln": {
        "gather": jmceln_gather,
        "write": jmceln_write,
        "neck": jmceln_neck,
    },
}


@pytest.mark.parametrize(
    ("system", "part"),
    [(system, part) for system, parts in CASES.items() for part in parts],
)
def test_page_has_what_is_counted(system, part):
    text = (REPOSITORY / f"docs/en/systems/{system}.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {part}\b[^|]*\| ([\d.,]+) \| ([\d.,]+) \|", text, re.M)
    for run, shown in zip(CASES[system][part](), row):
        digits = len(shown.partition(".")[2])
        assert round(counted(run), digits) == float(shown.replace(",", ""))
