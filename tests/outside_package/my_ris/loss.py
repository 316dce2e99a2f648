"""One minus the soft intersection over union, the mean over expressions."""

from torch import nn

from mmris.registry import MODELS


@MODELS.register_module()
class SoftIoULoss(nn.Module):
    def forward(self, logits, masks):  # (N, 1, H, W) each
        probs = logits.sigmoid()
        both = (probs * masks).sum(dim=(1, 2, 3))
        either = (probs + masks - probs * masks).sum(dim=(1, 2, 3))
        return 1 - (both / either.clamp(min=1)).mean()
