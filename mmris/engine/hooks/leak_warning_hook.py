"""Says so if training shows pictures that the config is tested on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmris.engine.leak_check import ConfigPictures, find_overlaps, training_sets
from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class LeakWarningHook(Hook):
    """Compares the training pictures with those of validation and testing.

    Before training starts, the main process reads the annotations of the test dataset,
    nothing else is new to it, and warns of pictures that the model will have seen
    before it is asked about them. ``tools/dataset_tools/check_leak.py`` compares all
    splits and lists the pictures. Datasets that cannot be compared, or whose
    annotations are not there, are passed over.
    """

    def before_train(self, runner: Runner) -> None:
        """Compare and warn.

        Args:
            runner: The runner.
        """
        if not is_main_process():
            return
        try:
            with ConfigPictures(runner.cfg) as pictures:
                tested = pictures.evaluation(other_splits=False)
            train = training_sets(runner.train_dataloader.dataset)
        except (OSError, TypeError, ValueError) as error:
            print_log(
                f"training and test pictures were not compared: {error}",
                logger="current",
                level=logging.DEBUG,
            )
            return
        for overlap in find_overlaps(train, tested):
            if overlap.shared:
                print_log(
                    f"{len(overlap.shared):,} of the {len(overlap.evaluation):,} "
                    f"pictures of {overlap.evaluation.title} are also in the training "
                    f"set {overlap.train.title}: scores on them say less. "
                    "tools/dataset_tools/check_leak.py lists them; MixedRefDataset "
                    "leaves them out (held_out)",
                    logger="current",
                    level=logging.WARNING,
                )
