from .checkpoint import load_checkpoint_file, trusted_checkpoints
from .checkpoint_fit import check_fit
from .checkpoint_schemes import make_loading_safe
from .random_state import seeded_random_state

__all__ = [
    "check_fit",
    "load_checkpoint_file",
    "make_loading_safe",
    "seeded_random_state",
    "trusted_checkpoints",
]
