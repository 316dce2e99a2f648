from .build_runner import build_runner
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
from .merged_groups_constructor import MergedGroupsOptimWrapperConstructor
from .mixed_precision import MixedPrecisionOptimWrapper
from .sharded_model import ShardedModel
from .sharded_runner import ShardedRunner

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
    "MergedGroupsOptimWrapperConstructor",
    "MixedPrecisionOptimWrapper",
    "RefVisualizationHook",
    "RunRecordHook",
    "ShardedModel",
    "ShardedRunner",
    "SharedBuffersHook",
    "VocabularyHook",
    "build_runner",
]
