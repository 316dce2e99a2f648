from .flat_decay_constructor import FlatDecayOptimWrapperConstructor
from .hooks import (
    AtomicCheckpointHook,
    CheckpointFitHook,
    InterruptionHook,
    LeakWarningHook,
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
    "LeakWarningHook",
    "MixedPrecisionOptimWrapper",
    "RefVisualizationHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
