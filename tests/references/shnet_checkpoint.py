"""Names and shapes of a checkpoint that SHNet's released code writes.

Facts of the release (its model of 2022), for a width of the features, of the layers of
attention and of their inner part.
"""

import torch

INPUTS = {"layer2": 512, "layer3": 1024, "layer4": 2048}
LAST = 256  # channels before the logits


def norm(name, channels):
    """Of a batch normalisation."""
    return {
        f"{name}.weight": (channels,),
        f"{name}.bias": (channels,),
        f"{name}.running_mean": (channels,),
        f"{name}.running_var": (channels,),
        f"{name}.num_batches_tracked": (),
    }


def linear(name, rows, columns):
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def attention_layer(name, width, inner):
    """As torch names the parts of a transformer's layer."""
    attention = f"{name}.self_attn"
    shapes = {
        f"{attention}.in_proj_weight": (3 * width, width),
        f"{attention}.in_proj_bias": (3 * width,),
        **linear(f"{attention}.out_proj", width, width),
        **linear(f"{name}.linear1", inner, width),
        **linear(f"{name}.linear2", width, inner),
    }
    for part in ("norm1", "norm2"):
        shapes |= {f"{name}.{part}.weight": (width,), f"{name}.{part}.bias": (width,)}
    return shapes


def decoder(width, last):
    shapes = {}
    kernels = [1, 3, 3, 3]
    for number, kernel in enumerate(kernels):
        branch = f"aspp_decoder.convs.{number}"
        shapes[f"{branch}.0.weight"] = (width, width, kernel, kernel)
        shapes |= norm(f"{branch}.1", width)
    shapes["aspp_decoder.convs.4.1.weight"] = (width, width, 1, 1)
    shapes |= norm("aspp_decoder.convs.4.2", width)
    shapes["aspp_decoder.project.0.weight"] = (width, 5 * width, 1, 1)
    shapes |= norm("aspp_decoder.project.1", width)
    for number in (1, 2, 3):
        block = f"mask_decoder.deconv{number}"
        shapes[f"{block}.0.weight"] = (width, width, 3, 3)
        shapes |= norm(f"{block}.1", width)
    shapes["mask_decoder.mask_deconv.0.weight"] = (last, width, 3, 3)
    shapes |= norm("mask_decoder.mask_deconv.1", last)
    shapes["mask_decoder.mask_deconv.3.weight"] = (1, last, 3, 3)
    shapes["mask_decoder.mask_deconv.3.bias"] = (1,)
    return shapes


def published_shapes(
    width=512, layers=2, inner=512, inputs=INPUTS, last=LAST, words=300
):
    """All of a checkpoint; the defaults are those of the release's command."""
    shapes = {
        "text_encoder.lstm.weight_ih_l0": (4 * width, words),
        "text_encoder.lstm.weight_hh_l0": (4 * width, width),
        "text_encoder.lstm.bias_ih_l0": (4 * width,),
        "text_encoder.lstm.bias_hh_l0": (4 * width,),
    }
    for level, channels in inputs.items():
        shapes[f"conv_3x3.{level}.0.weight"] = (width, channels, 3, 3)
        shapes[f"conv_3x3.{level}.0.bias"] = (width,)
        shapes |= norm(f"conv_3x3.{level}.1", width)
    for number in range(layers):
        shapes |= attention_layer(f"sfm.layers.{number}", width, inner)
    shapes |= {"sfm.norm.weight": (width,), "sfm.norm.bias": (width,)}
    for number in (1, 2, 3):
        shapes[f"hcam.conv_{number}.0.weight"] = (width, 2 * width, 3, 3)
        shapes[f"hcam.conv_{number}.0.bias"] = (width,)
        shapes |= norm(f"hcam.conv_{number}.1", width)
    shapes["hcam.conv_3d.0.weight"] = (width, width, 3, 3, 3)
    shapes["hcam.conv_3d.0.bias"] = (width,)
    shapes |= norm("hcam.conv_3d.1", width)
    return shapes | decoder(width, last)


def random_weights(shapes, device=None):
    """Numbers of these names and shapes; counters are whole, deviations positive."""
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(3, device=device)
        else:
            value = torch.randn(shape, device=device) * 0.2
            weights[name] = value.abs() + 0.5 if name.endswith("var") else value
    return weights
