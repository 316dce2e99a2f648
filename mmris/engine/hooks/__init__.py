from .shared_buffers_hook import SharedBuffersHook
from .visualization_hook import RefVisualizationHook
from .vocabulary_hook import VocabularyHook

__all__ = ["RefVisualizationHook", "SharedBuffersHook", "VocabularyHook"]
