from .checkpoint import load_checkpoint_file, trusted_checkpoints
from .checkpoint_fit import check_fit
from .checkpoint_schemes import make_loading_safe
from .random_state import seeded_random_state

# Where mmris.utils is imported before MMEngine's loaders, as well as after them.
make_loading_safe()

__all__ = [
    "check_fit",
    "load_checkpoint_file",
    "make_loading_safe",
    "seeded_random_state",
    "trusted_checkpoints",
]
