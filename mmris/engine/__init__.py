from .flat_decay_constructor import FlatDecayOptimWrapperConstructor
from .hooks import (
    AtomicCheckpointHook,
    CheckpointFitHook,
    InterruptionHook,
    RefVisualizationHook,
    SharedBuffersHook,
    VocabularyHook,
)
from .interruption import Interrupted
from .mixed_precision import MixedPrecisionOptimWrapper

__all__ = [
    "AtomicCheckpointHook",
    "CheckpointFitHook",
    "FlatDecayOptimWrapperConstructor",
    "Interrupted",
    "InterruptionHook",
    "MixedPrecisionOptimWrapper",
    "RefVisualizationHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
