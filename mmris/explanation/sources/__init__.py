from .cascade import CascadeMaps, WindowMaps
from .co_attention import (
    AsymmetricCoAttentionMaps,
    LanguageMaps,
    VanillaCoAttentionMaps,
)
from .comprehension import RelationMaps, WordTypeMaps
from .decoder_outputs import BoundaryMaps, LevelMaps, TopDownMaps
from .gates import (
    ChannelGateMaps,
    ForeignGateMaps,
    LevelGateMaps,
    OwnGateMaps,
    PeepholeGateMaps,
    StepGateMaps,
)
from .joint_attention import JointAttentionMaps
from .map_source import MapSource, Site
from .pair_attention import PairAttentionMaps

# In the order in which their maps are shown.
SOURCES: list[MapSource] = [
    WordTypeMaps(),
    PairAttentionMaps(),
    RelationMaps(),
    JointAttentionMaps(),
    LanguageMaps(),
    VanillaCoAttentionMaps(),
    AsymmetricCoAttentionMaps(),
    LevelGateMaps(),
    ChannelGateMaps(),
    ForeignGateMaps(),
    OwnGateMaps(),
    StepGateMaps(),
    PeepholeGateMaps(),
    WindowMaps(),
    CascadeMaps(),
    BoundaryMaps(),
    TopDownMaps(),
    LevelMaps(),
]

__all__ = ["SOURCES", "MapSource", "Site"]
