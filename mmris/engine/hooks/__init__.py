from .atomic_checkpoint_hook import AtomicCheckpointHook
from .checkpoint_fit_hook import CheckpointFitHook
from .interruption_hook import InterruptionHook
from .leak_warning_hook import LeakWarningHook
from .shared_buffers_hook import SharedBuffersHook
from .visualization_hook import RefVisualizationHook
from .vocabulary_hook import VocabularyHook

__all__ = [
    "AtomicCheckpointHook",
    "CheckpointFitHook",
    "InterruptionHook",
    "LeakWarningHook",
    "RefVisualizationHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
