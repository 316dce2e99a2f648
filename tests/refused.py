"""Pairs of parts that no model can have, and what the message says.

A reviewed list: tests fail when a pair that stands here is no longer refused, and when
one is refused that does not.
"""

# A neck that leaves one level, and heads that go from level to level.
REFUSED = {
    ("TextMultipliedNeck", "BoundaryEnhancementHead"): (
        "BoundaryEnhancementHead goes down .* gives only one.* choose another head"
    ),
    ("TextMultipliedNeck", "TopDownDecodeHead"): (
        "TopDownDecodeHead goes down .* gives only one.* choose another head"
    ),
    ("TextMultipliedNeck", "ConvLSTMAggregation"): (
        "ConvLSTMAggregation reads levels one after the other.* take SumAggregation"
    ),
    ("TextMultipliedNeck", "PeepholeConvLSTMAggregation"): (
        "PeepholeConvLSTMAggregation reads levels one .* take SumAggregation"
    ),
}
# Parts that want levels of one width. Where a neck gives others they are refused, with
# the remedy model.decode_head.level_channels.
NEED_ONE_WIDTH = (
    "ChannelGatedExchange",
    "ContextualEmbeddingCascade",
    "Conv3dAggregation",
    "ConvLSTMAggregation",
    "GatedBidirectionalAggregation",
    "GatedExchange",
    "HierarchicalCrossModalExchange",
    "PeepholeConvLSTMAggregation",
    "SelfGatedAggregation",
    "SumAggregation",
    "TextGuidedExchange",
)
