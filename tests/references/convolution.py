"""A zero-padded convolution, one output position and one tap at a time."""


def convolve(level, weight, bias=None, *, stride=1, dilation=1):
    """``level`` (C, H, W), ``weight`` (C', C, k, k), padded to keep the size."""
    _, height, width = level.shape
    reach = weight.shape[-1] // 2
    rows, columns = range(0, height, stride), range(0, width, stride)
    out = level.new_zeros(weight.shape[0], len(rows), len(columns))
    for y, h in enumerate(rows):
        for x, w in enumerate(columns):
            value = 0 if bias is None else bias
            for i in range(weight.shape[-2]):
                for j in range(weight.shape[-1]):
                    v, u = h + dilation * (i - reach), w + dilation * (j - reach)
                    if 0 <= v < height and 0 <= u < width:
                        value = value + weight[:, :, i, j] @ level[:, v, u]
            out[:, y, x] = value
    return out


def normalise(level, norm):
    """Batch normalisation with the running statistics."""
    scale = norm.weight / (norm.running_var + norm.eps) ** 0.5
    shift = norm.bias - norm.running_mean * scale
    return level * scale[:, None, None] + shift[:, None, None]


def tile(vector, level):
    """``vector`` (C,) at every place of ``level``."""
    _, height, width = level.shape
    return vector[:, None, None].repeat(1, height, width)
