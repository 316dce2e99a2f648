"""Parts of JMCELN with lively weights, and the maps and sentences they get."""

import torch

from mmris.models import (
    ContextualEmbeddingCascade,
    LongShortRangeAttention,
    ProgressiveAlignmentNetwork,
    TextMultipliedNeck,
)
from mmris.models.layers import SwitchNorm2d
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec

CHANNELS = 8
LEVELS = (LevelSpec(3, 8), LevelSpec(4, 16), LevelSpec(5, 32))
SIZES = [(5, 7), (3, 4), (2, 1)]  # no side is half of another
INDEX = torch.tensor([1, 0, 1])  # the picture of each of three sentences
FIRST_MAP = {
    "type": "LongShortRangeAttention",
    "window_size": 3,
    "num_heads": 2,
    "dilations": (1, 2, 3, 9),
}
ALIGNMENT = {"type": "ProgressiveAlignmentNetwork"}


def enliven(module):
    """Weights and statistics that leave no term of an equation small."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, SwitchNorm2d)):
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.5, 2)
        if isinstance(
            part,
            (
                torch.nn.BatchNorm1d,
                torch.nn.BatchNorm2d,
                torch.nn.LayerNorm,
                SwitchNorm2d,
            ),
        ):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
        elif isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
        elif isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, std=1.5 / part.in_features**0.5)
        if isinstance(getattr(part, "bias", None), torch.Tensor):
            torch.nn.init.normal_(part.bias, std=0.5)
    for name, parameter in module.named_parameters():
        if name.endswith(("mean_weight", "var_weight", "bias_table", "embeddings")):
            torch.nn.init.normal_(parameter)
    return module.double().eval()


def make_neck(levels=LEVELS, cls=TextMultipliedNeck, **changes):
    return enliven(
        cls(in_levels=levels, in_text=TextSpec(2, 6), channels=CHANNELS, **changes)
    )


def make_levels(sizes=SIZES, images=2):
    torch.manual_seed(1)
    return [
        torch.randn(images, level.channels, *size, dtype=torch.float64)
        for level, size in zip(LEVELS, sizes)
    ]


def make_text(rows=3):
    torch.manual_seed(2)
    lengths = torch.tensor([4, 1, 2, 3][:rows])
    mask = torch.arange(4) < lengths[:, None]
    tokens = torch.randn(rows, 4, 2, dtype=torch.float64)
    return TextFeatures(tokens, mask, torch.randn(rows, 6, dtype=torch.float64))


def make_first_map(cls=LongShortRangeAttention, **changes):
    arguments = {key: value for key, value in FIRST_MAP.items() if key != "type"}
    return enliven(cls(channels=CHANNELS, **{**arguments, **changes}))


def make_alignment(cls=ProgressiveAlignmentNetwork, **changes):
    return enliven(cls(channels=CHANNELS, **changes))


def make_cascade(cls=ContextualEmbeddingCascade, num_levels=1, **changes):
    spec = FusedSpec(
        (LevelSpec(CHANNELS, 8),) * num_levels, (TextSpec(2, 6),) * num_levels
    )
    arguments = {
        "num_stages": 2,
        "num_embeddings": 3,
        "num_heads": 2,
        "first_map": FIRST_MAP,
        "alignment": ALIGNMENT,
        **changes,
    }
    return enliven(cls(in_features=spec, **arguments))


def make_map(size=(5, 4), rows=2, seed=3):
    torch.manual_seed(seed)
    return torch.randn(rows, CHANNELS, *size, dtype=torch.float64)


def make_fused(*maps):
    rows = len(maps[0])
    texts = (make_text(rows),) * len(maps)
    return FusedFeatures(tuple(maps), texts, torch.arange(rows) % 2)


def assert_close(one, other, atol=1e-11):
    torch.testing.assert_close(one, other, rtol=0, atol=atol)


def assert_gradients(module, output, without=()):
    """Every parameter has one, finite and not zero, but for those that end so."""
    weights = torch.randn(output.shape, dtype=output.dtype)
    (output * weights).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if not name.endswith(tuple(without)):
            assert parameter.grad.abs().max() > 1e-8, name
