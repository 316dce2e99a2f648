"""The ablations of cross-modal self-attention: a double loop over all pairs.

A pair's query, key and value are the sums of a part of the pixel with its place and one
of the word, as the weights' columns say. What an ablation leaves of a score, and which
keys it sees, is written out for two pairs at a time.
"""

import torch

from tests.references.cross_modal_attention import place_of


def unit(vector):
    return vector / vector.square().sum().sqrt()


def scores_of_words(q, k):
    return q["word"] @ k["word"]


def scores_of_pixels(q, k):
    return q["pixel"] @ k["pixel"]


def scores_of_word_and_pixel(q, k):
    return q["word"] @ k["pixel"] + q["pixel"] @ k["word"]


def whole_scores(q, k):
    return (q["word"] + q["pixel"]) @ (k["word"] + k["pixel"])


def all_keys(query, key):
    return True


def same_pixel(query, key):
    return query[0] == key[0]


def same_word(query, key):
    return query[1] == key[1]


# What is left of a score, which keys are seen.
ABLATIONS = {
    "WordAttentionBlock": (scores_of_words, all_keys),
    "PixelAttentionBlock": (scores_of_pixels, all_keys),
    "WordPixelAttentionBlock": (scores_of_word_and_pixel, all_keys),
    "SamePixelAttentionBlock": (whole_scores, same_pixel),
    "SameWordAttentionBlock": (whole_scores, same_word),
}


def parts(weight, pixel, word):
    """The parts of a projection; columns that a block lacks are zero."""
    of_pixel = of_word = torch.zeros_like(weight[:, 0])
    if weight.shape[1] == len(pixel):
        of_pixel = weight @ pixel
    elif weight.shape[1] == len(word):
        of_word = weight @ word
    else:
        channels = len(pixel) - 8
        columns = torch.cat([weight[:, :channels], weight[:, -8:]], dim=1)
        of_pixel = columns @ pixel
        of_word = weight[:, channels:-8] @ word
    return {"pixel": of_pixel, "word": of_word}


def pair_attention(block, visual, words):
    """One image's level (C, H, W) and the valid words (T, C_t) of one expression.

    Shares nothing with the block but its weights.
    """
    height, width = visual.shape[-2:]
    cells = [(h, w) for h in range(height) for w in range(width)]
    pixels = [
        torch.cat([unit(visual[:, h, w]), visual.new_tensor(place_of(h, w, *size))])
        for (h, w), size in zip(cells, [(height, width)] * len(cells))
    ]
    words = [unit(word) for word in words]
    channels = visual.shape[0]
    pairs = {
        (p, n): torch.cat([pixel[:channels], word, pixel[channels:]])
        for p, pixel in enumerate(pixels)
        for n, word in enumerate(words)
    }
    out = visual.new_zeros(block.out_channels, height, width)
    attends = type(block).__name__ in ABLATIONS
    if attends:
        left, seen = ABLATIONS[type(block).__name__]
        query = {i: parts(block.query.weight, pixels[i[0]], words[i[1]]) for i in pairs}
        key = {i: parts(block.key.weight, pixels[i[0]], words[i[1]]) for i in pairs}
        value = {i: block.value.weight @ pairs[i] for i in pairs}
    for p, (h, w) in enumerate(cells):
        mean = 0
        for n in range(len(words)):
            became = pairs[p, n]
            if attends:
                keys = [i for i in pairs if seen((p, n), i)]
                scores = torch.stack([left(query[p, n], key[i]) for i in keys])
                shares = (scores - scores.max()).exp()
                shares = shares / shares.sum()
                gathered = sum(a * value[i] for a, i in zip(shares, keys))
                became = became + block.output.weight @ gathered
            mean = mean + became / len(words)
        mixed = block.reduce.weight @ mean + block.reduce.bias
        out[:, h, w] = mixed.clamp(min=0)
    return out
