from .hooks import RefVisualizationHook, SharedBuffersHook, VocabularyHook
from .mixed_precision import MixedPrecisionOptimWrapper

__all__ = [
    "MixedPrecisionOptimWrapper",
    "RefVisualizationHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
