"""tools/test.py and tools/train.py as one of several processes."""

from __future__ import annotations

from mmengine.runner import Runner

import tests.evaluation.scenes_run  # noqa: F401  (imports what a test run imports)
from mmris import registry
from tests.load_tool import load_tool

for found in vars(registry).values():
    if isinstance(found, registry.Registry):
        found.import_from_location()

# Looks for compilers, for seconds.
Runner._log_env = lambda runner, env_cfg: None


def score(arguments):
    """Run the tool and return its exit code."""
    return load_tool("test").main([*arguments, "--launcher", "pytorch"])


def train(arguments):
    """Run the tool and return its exit code."""
    return load_tool("train").main([*arguments, "--launcher", "pytorch"])
