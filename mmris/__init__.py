"""MMSegmentation for referring image segmentation."""

from importlib import import_module

from .after_import import call_after_import
from .version import __version__

# Whatever is used of mmris: from here on a stranger's checkpoint runs no code. The
# package utils replaces MMEngine's loaders, as soon as MMEngine has any; until then
# nothing heavy is imported, so that "mmris --help" answers at once.
call_after_import("mmengine.runner.checkpoint", lambda: import_module("mmris.utils"))

__all__ = ["__version__"]
