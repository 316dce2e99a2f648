"""MMSegmentation for referring image segmentation."""

from .version import __version__

__all__ = ["__version__"]
