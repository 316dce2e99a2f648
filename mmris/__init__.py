"""MMSegmentation for referring image segmentation."""

from .utils import make_loading_safe
from .version import __version__

# Whatever is used of mmris: from here on a stranger's checkpoint runs no code.
make_loading_safe()

__all__ = ["__version__"]
