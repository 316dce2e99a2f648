"""MMSegmentation for referring image segmentation."""

import warnings
from importlib import import_module

from .after_import import call_after_import
from .version import __version__

# Whatever is used of mmris: from here on a stranger's checkpoint runs no code. The
# package utils replaces MMEngine's loaders, as soon as MMEngine has any; until then
# nothing heavy is imported, so that "mmris --help" answers at once.
call_after_import("mmengine.runner.checkpoint", lambda: import_module("mmris.utils"))

# The libraries below mmris greet with warnings that a user can do nothing about:
# mmris needs none of mmcv's compiled operators. Here, before any of them is imported.
warnings.filterwarnings("ignore", message=".*MultiScaleDeformableAttention.*")

__all__ = ["__version__"]
