"""CEFNet's fusion of one level as printed, one place, word and cell at a time.

One image, one expression, fixed statistics. Shares nothing with the modules but their
weights. Where the paper is silent, what its released code does.
"""

import math

import torch

from tests.references.convolution import convolve, normalise, tile
from tests.references.cross_modal_attention import place_of


def unit(vector):
    return vector / vector.square().sum().sqrt()


def places_of(level):
    _, height, width = level.shape
    return [(h, w) for h in range(height) for w in range(width)]


def unit_map(level):
    out = torch.zeros_like(level)
    for h, w in places_of(level):
        out[:, h, w] = unit(level[:, h, w])
    return out


def prelu(level, activation):
    return torch.where(level > 0, level, activation.weight * level)


def conv_norm_prelu(sequence, level):
    convolution, norm, activation = sequence
    return prelu(normalise(convolve(level, convolution.weight), norm), activation)


def linear_block(block, vector):
    """ReLU(BN(W x)) of one vector."""
    norm = block.norm
    value = block.linear.weight @ vector - norm.running_mean
    value = value / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    return value.clamp(min=0)


def softmax(scores):
    """Of a list of numbers."""
    largest = max(scores)
    powers = [(score - largest).exp() for score in scores]
    return [power / sum(powers) for power in powers]


def multimodal_feature(module, level, sentence):
    """Eq. (1): M of a level (C, H, W)."""
    height, width = level.shape[-2:]
    visual = unit_map(conv_norm_prelu(module.visual, level))
    coordinates = level.new_zeros(8, height, width)
    for h, w in places_of(level):
        coordinates[:, h, w] = level.new_tensor(place_of(h, w, height, width))
    joint = torch.cat([visual, tile(sentence, level), coordinates])
    joint = normalise(convolve(joint, module.joint.weight), module.norm)
    return unit_map(prelu(joint, module.activation))


def masked_softmax(scores, mask):
    """As the released code: over all T places, padding to zero, renormalised."""
    shares = [s * m for s, m in zip(softmax(scores), mask, strict=True)]
    return [share / sum(shares) for share in shares]


def position_specific_language(module, multimodal, words, mask):
    """Eq. (2): L of M (C, H, W) and T words (T, C_t), padding among them."""
    words = [unit(linear_block(module.words, word)) for word in words]
    out = torch.zeros_like(multimodal)
    for h, w in places_of(multimodal):
        asked = multimodal[:, h, w]
        if module.query is not None:
            asked = module.query.weight[:, :, 0, 0] @ asked + module.query.bias
        shares = masked_softmax([asked @ word for word in words], mask)
        out[:, h, w] = sum(a * word for a, word in zip(shares, words, strict=True))
    return out


def projected(comparison, level):
    """W x, and its normalisation if there is one, as a list over the places."""
    if isinstance(comparison, torch.nn.Sequential):
        convolution, norm = comparison
        level = normalise(convolve(level, convolution.weight), norm)
    else:
        level = convolve(level, comparison.weight)
    return [level[:, h, w] for h, w in places_of(level)]


def vanilla_co_attention(module, multimodal, language):
    """Eqs. (3)-(5) and a 3x3 convolution of each."""
    queries = projected(module.multimodal_comparison, multimodal)
    keys = projected(module.language_comparison, language)
    places = places_of(multimodal)
    affinity = [[module.scale * (q @ k) for k in keys] for q in queries]  # Eq. (3)
    seen, said = torch.zeros_like(multimodal), torch.zeros_like(language)
    for i, (h, w) in enumerate(places):
        shares = softmax(affinity[i])
        for share, (v, u) in zip(shares, places, strict=True):  # Eq. (4)
            seen[:, h, w] += share * multimodal[:, v, u]
    for j, (h, w) in enumerate(places):
        shares = softmax([row[j] for row in affinity])
        for share, (v, u) in zip(shares, places, strict=True):  # Eq. (5)
            said[:, h, w] += share * language[:, v, u]
    if not isinstance(module.multimodal_mixing, torch.nn.Identity):
        seen = convolve(seen, module.multimodal_mixing.weight)
        said = convolve(said, module.language_mixing.weight)
    return torch.cat([seen, said])


def cell_means(level, pool_sizes):
    """Means over the cells of all grids: a list of vectors."""
    _, height, width = level.shape
    means = []
    for cells in pool_sizes:
        for i in range(cells):
            for j in range(cells):
                top = math.floor(i * height / cells)
                bottom = math.ceil((i + 1) * height / cells)
                left = math.floor(j * width / cells)
                right = math.ceil((j + 1) * width / cells)
                inside = level[:, top:bottom, left:right].flatten(1)
                means.append(sum(inside.unbind(1)) / inside.shape[1])
    return means


def asymmetric_co_attention(module, multimodal, language):
    """Eqs. (6)-(8), projected before pooling and after the attention."""

    def features(convolution, norm, level):
        level = convolve(level, convolution.weight, convolution.bias)
        return level if norm is None else normalise(level, norm).clamp(min=0)

    sides = [(module.multimodal, multimodal), (module.language, language)]
    keys, queries, values = [], [], []
    for stream, level in sides:
        key = features(stream.key, stream.key_norm, level)
        keys.append(cell_means(key, module.pool_sizes))
        queries.append(features(stream.query, stream.query_norm, level))
        value = features(stream.value, None, level)
        values.append(cell_means(value, module.pool_sizes))
    out = torch.zeros_like(torch.cat([multimodal, language]))
    for h, w in places_of(multimodal):
        scores = [
            module.scale * sum(q[:, h, w] @ k for q, k in zip(queries, pair))
            for pair in zip(*keys, strict=True)
        ]
        shares = softmax(scores)
        both = []
        for (stream, _), cells in zip(sides, values, strict=True):
            gathered = sum(a * cell for a, cell in zip(shares, cells, strict=True))
            weight = stream.output.weight[:, :, 0, 0]
            both.append(weight @ gathered + stream.output.bias)
        out[:, h, w] = torch.cat(both)
    return out


CO_ATTENTIONS = {
    "VanillaCoAttention": vanilla_co_attention,
    "AsymmetricCoAttention": asymmetric_co_attention,
}


def co_attention_block(block, level, words, mask, sentence):
    """F of one image's level (C, H, W) and one expression."""
    joint = multimodal_feature(block.multimodal, level, sentence)
    if block.co_attention is not None:
        language = position_specific_language(block.language, joint, words, mask)
        attend = CO_ATTENTIONS[type(block.co_attention).__name__]
        joint = unit_map(attend(block.co_attention, joint, language))
    return conv_norm_prelu(block.mix, joint)
