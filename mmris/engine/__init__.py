from .flat_decay_constructor import FlatDecayOptimWrapperConstructor
from .hooks import (
    ActivationCheckpointingHook,
    AtomicCheckpointHook,
    ChannelsLastHook,
    CheckpointFitHook,
    CompileHook,
    DueValidationHook,
    ExactResumeHook,
    FiniteLossHook,
    InterruptionHook,
    LeakWarningHook,
    RefVisualizationHook,
    RunRecordHook,
    SharedBuffersHook,
    VocabularyHook,
)
from .interruption import Interrupted
from .mixed_precision import MixedPrecisionOptimWrapper

__all__ = [
    "ActivationCheckpointingHook",
    "AtomicCheckpointHook",
    "ChannelsLastHook",
    "CheckpointFitHook",
    "CompileHook",
    "DueValidationHook",
    "ExactResumeHook",
    "FiniteLossHook",
    "FlatDecayOptimWrapperConstructor",
    "Interrupted",
    "InterruptionHook",
    "LeakWarningHook",
    "MixedPrecisionOptimWrapper",
    "RefVisualizationHook",
    "RunRecordHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
