"""CLIP's text transformer from weights by OpenAI's names, one word at a time."""

import math

import torch

PARTS = {
    "attn.in_proj_weight": "attn.in_proj.weight",
    "attn.in_proj_bias": "attn.in_proj.bias",
}


def openai_names(encoder):
    """Weights of a CLIPTextEncoder by OpenAI's names, in float64."""
    names = {}
    for name, value in encoder.state_dict().items():
        new = name.replace("transformer.", "transformer.resblocks.")
        for theirs, ours in PARTS.items():
            new = new.replace(ours, theirs)
        if name in ("positional_embedding.weight", "text_projection.weight"):
            new = name.removesuffix(".weight")
        names[new] = value.double()
    if "text_projection" in names:
        names["text_projection"] = names["text_projection"].T
    return names


def layer_norm(weights, name, word):
    mean = word.mean()
    variance = ((word - mean) ** 2).mean()
    normed = (word - mean) / torch.sqrt(variance + 1e-5)
    return normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(weights, name, word):
    return weights[f"{name}.weight"] @ word + weights[f"{name}.bias"]


def attention(weights, name, words, num_heads):
    channels = len(words[0])
    size = channels // num_heads
    joint = [
        weights[f"{name}.in_proj_weight"] @ word + weights[f"{name}.in_proj_bias"]
        for word in words
    ]
    result = []
    for t in range(len(words)):
        heads = []
        for head in range(num_heads):
            own = slice(head * size, (head + 1) * size)
            query = joint[t][:channels][own]
            scores = [
                query @ joint[s][channels : 2 * channels][own] / math.sqrt(size)
                for s in range(t + 1)  # not those to come
            ]
            largest = max(scores)
            total = sum(math.exp(score - largest) for score in scores)
            gathered = 0
            for s, score in enumerate(scores):
                share = math.exp(score - largest) / total
                gathered = gathered + share * joint[s][2 * channels :][own]
            heads.append(gathered)
        result.append(linear(weights, f"{name}.out_proj", torch.cat(heads)))
    return result


def clip_text(weights, ids, num_heads):
    """Features of the tokens (T, C_t) and of the sentence (C_s) for ids of one."""
    words = [
        weights["token_embedding.weight"][number] + weights["positional_embedding"][t]
        for t, number in enumerate(ids)
    ]
    layer = 0
    while f"transformer.resblocks.{layer}.ln_1.weight" in weights:
        name = f"transformer.resblocks.{layer}"
        normed = [layer_norm(weights, f"{name}.ln_1", word) for word in words]
        attended = attention(weights, f"{name}.attn", normed, num_heads)
        words = [word + more for word, more in zip(words, attended)]
        for t, word in enumerate(words):
            inner = layer_norm(weights, f"{name}.ln_2", word)
            inner = linear(weights, f"{name}.mlp.c_fc", inner)
            inner = inner / (1 + torch.exp(-1.702 * inner))
            words[t] = word + linear(weights, f"{name}.mlp.c_proj", inner)
        layer += 1
    words = [layer_norm(weights, "ln_final", word) for word in words]
    end = max(range(len(ids)), key=lambda t: ids[t])
    return torch.stack(words), words[end] @ weights["text_projection"]
