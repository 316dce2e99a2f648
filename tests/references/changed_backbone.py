"""Changes maps inside a backbone's own forward, by hooks at the ends of stages."""

import contextlib


@contextlib.contextmanager
def changed(backbone, stage, change):
    """Adds ``change(maps)`` to the maps that a stage gives.

    Args:
        backbone: A ResNet, Swin or ConvNeXt of mmseg or mmpretrain.
        stage: Which, from 0.
        change: Maps ``(B, C, H, W)`` to the same shape.
    """

    def change_maps(_module, _inputs, output):
        return output + change(output)

    def change_tokens(tokens, size):
        rows, _, channels = tokens.shape
        maps = tokens.reshape(rows, *size, channels).permute(0, 3, 1, 2)
        return tokens + change(maps).permute(0, 2, 3, 1).reshape(tokens.shape)

    def change_block(_module, inputs, output):
        return change_tokens(output, inputs[1])

    def change_merged(_module, _inputs, output):
        return change_tokens(*output), output[1]

    if hasattr(backbone, "res_layers"):
        hook = getattr(backbone, f"layer{stage + 1}").register_forward_hook(change_maps)
    elif hasattr(backbone, "downsample_layers"):
        hook = backbone.stages[stage].register_forward_hook(change_maps)
    elif getattr(backbone, "out_after_downsample", False):
        hook = backbone.stages[stage].register_forward_hook(change_merged)
    else:
        # mmseg's stages merge patches at their end: the map is that of the last block.
        last = backbone.stages[stage].blocks[-1]
        hook = last.register_forward_hook(change_block)
    try:
        yield
    finally:
        hook.remove()
