from .activation_checkpointing_hook import ActivationCheckpointingHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .checkpoint_fit_hook import CheckpointFitHook
from .compile_hook import CompileHook
from .due_validation_hook import DueValidationHook
from .exact_resume_hook import ExactResumeHook
from .finite_loss_hook import FiniteLossHook
from .interruption_hook import InterruptionHook
from .leak_warning_hook import LeakWarningHook
from .run_record_hook import RunRecordHook
from .shared_buffers_hook import SharedBuffersHook
from .visualization_hook import RefVisualizationHook
from .vocabulary_hook import VocabularyHook

__all__ = [
    "ActivationCheckpointingHook",
    "AtomicCheckpointHook",
    "ChannelsLastHook",
    "CheckpointFitHook",
    "CompileHook",
    "DueValidationHook",
    "ExactResumeHook",
    "FiniteLossHook",
    "InterruptionHook",
    "LeakWarningHook",
    "RefVisualizationHook",
    "RunRecordHook",
    "SharedBuffersHook",
    "VocabularyHook",
]
