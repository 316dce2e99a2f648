"""A hook for tests: the statistics of a batch do not depend on how it is dealt out."""

from mmengine.hooks import Hook
from torch.nn.modules.batchnorm import _BatchNorm

from mmris.registry import HOOKS


@HOOKS.register_module()
class FrozenStatisticsHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
