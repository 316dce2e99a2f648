"""Names, shapes and random values of the weights that OpenAI publishes for CLIP."""

import torch
from torch import nn

# Blocks, width, channels of the pool, side of its table; channels of the text.
PUBLISHED = {
    "RN50": ((3, 4, 6, 3), 64, 1024, 7, 512),
    "RN101": ((3, 4, 23, 3), 64, 512, 7, 512),
    "RN50x4": ((4, 6, 10, 6), 80, 640, 9, 640),
    "RN50x16": ((6, 8, 18, 8), 96, 768, 12, 768),
    "RN50x64": ((3, 15, 36, 10), 128, 1024, 14, 1024),
}


def norm(name, channels):
    shapes = {f"{name}.{key}": (channels,) for key in ("weight", "bias")}
    shapes |= {f"{name}.running_{key}": (channels,) for key in ("mean", "var")}
    return {**shapes, f"{name}.num_batches_tracked": ()}


def linear(name, inside, outside):
    return {f"{name}.weight": (outside, inside), f"{name}.bias": (outside,)}


def block(name, inside, width, shortcut):
    shapes = {f"{name}.conv1.weight": (width, inside, 1, 1)}
    shapes |= norm(f"{name}.bn1", width)
    shapes |= {f"{name}.conv2.weight": (width, width, 3, 3)}
    shapes |= norm(f"{name}.bn2", width)
    shapes |= {f"{name}.conv3.weight": (4 * width, width, 1, 1)}
    shapes |= norm(f"{name}.bn3", 4 * width)
    if shortcut:
        shapes |= {f"{name}.downsample.0.weight": (4 * width, inside, 1, 1)}
        shapes |= norm(f"{name}.downsample.1", 4 * width)
    return shapes


def image_shapes(blocks, width, pooled, grid):
    shapes, inside = {}, 3
    for k, outside in ((1, width // 2), (2, width // 2), (3, width)):
        shapes |= {f"visual.conv{k}.weight": (outside, inside, 3, 3)}
        shapes |= norm(f"visual.bn{k}", outside)
        inside = outside
    for stage, count in enumerate(blocks):
        for k in range(count):
            name, own = f"visual.layer{stage + 1}.{k}", width * 2**stage
            shapes |= block(name, inside, own, shortcut=k == 0)
            inside = 4 * own
    shapes |= {"visual.attnpool.positional_embedding": (grid**2 + 1, inside)}
    for key in "kqv":
        shapes |= linear(f"visual.attnpool.{key}_proj", inside, inside)
    return shapes | linear("visual.attnpool.c_proj", inside, pooled)


def text_shapes(channels, num_layers, projected):
    shapes = {
        "positional_embedding": (77, channels),
        "text_projection": (channels, projected),
        "logit_scale": (),
        "token_embedding.weight": (49408, channels),
        "ln_final.weight": (channels,),
        "ln_final.bias": (channels,),
    }
    for k in range(num_layers):
        name = f"transformer.resblocks.{k}"
        shapes |= {f"{name}.attn.in_proj_weight": (3 * channels, channels)}
        shapes |= {f"{name}.attn.in_proj_bias": (3 * channels,)}
        shapes |= linear(f"{name}.attn.out_proj", channels, channels)
        shapes |= linear(f"{name}.mlp.c_fc", channels, 4 * channels)
        shapes |= linear(f"{name}.mlp.c_proj", 4 * channels, channels)
        for part in ("ln_1", "ln_2"):
            shapes |= {
                f"{name}.{part}.{key}": (channels,) for key in ("weight", "bias")
            }
    return shapes


def published_shapes(arch):
    *image, text = PUBLISHED[arch]
    shapes = image_shapes(*image) | text_shapes(text, 12, image[2])
    numbers = ("input_resolution", "context_length", "vocab_size")
    return shapes | dict.fromkeys(numbers, ())


def small_shapes():
    """RN50 as it is with a text encoder of two narrow layers."""
    image = PUBLISHED["RN50"][:4]
    return image_shapes(*image) | text_shapes(64, 2, image[2])


def random_weights(shapes, dtype=torch.float16):
    """Values under which features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
            continue
        if len(shape) > 1:
            value *= value[0].numel() ** -0.5
        elif name.endswith("running_var"):
            value = 0.5 + value.abs()
        elif name.endswith("bias") or name.endswith("running_mean"):
            value *= 0.1
        else:  # of a norm
            value = 1 + 0.2 * value
        weights[name] = value.to(dtype)
    return weights


def as_module(weights):
    """A module with such a state dict, which TorchScript can compile."""
    root = nn.Module()
    for name, value in weights.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module._modules[part]
        if value.is_floating_point() and not last.startswith("running_"):
            module.register_parameter(last, nn.Parameter(value))
        else:
            module.register_buffer(last, value)
    return root
