from .checkpoint import load_checkpoint_file
from .random_state import seeded_random_state

__all__ = ["load_checkpoint_file", "seeded_random_state"]
