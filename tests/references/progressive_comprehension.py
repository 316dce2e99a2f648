"""CMPC as printed: the r products, the P x P adjacency and the tiled sentence."""

import torch

from tests.references.cross_modal_attention import place_of


def unit(vector):
    return vector / vector.square().sum().sqrt()


def softmax(values):
    shares = torch.stack(list(values))
    shares = (shares - shares.max()).exp()
    return shares / shares.sum()


def read_words(classifier, words):
    """Words (T, C_t) of one expression: normalised words, p_rel, q and s."""
    words = [unit(word) for word in words]
    relation, q, s = [], 0, 0
    for word in words:
        hidden = classifier.hidden.weight @ word + classifier.hidden.bias
        hidden = 1 / (1 + torch.exp(-hidden))
        scores = classifier.score.weight @ hidden + classifier.score.bias
        entity, attribute, related, _unnecessary = softmax(scores)
        relation.append(related)
        q = q + (entity + attribute) * word
        s = s + (entity + attribute + related) * word
    return words, relation, unit(q), unit(s)


def perceive(joint, x, q):
    """M of one position: a sum of elementwise products, one for each rank."""
    total = 0
    for of_words, of_pixels in zip(joint.entity, joint.visual):
        total = total + (of_words @ q) * (of_pixels @ x)
    return total


def adjacency(reasoning, vertices, words, relation):
    """The dense (P, P) matrix A = B_1 B_2."""
    relation_words = [share * word for share, word in zip(relation, words)]
    affinity = [
        [
            (reasoning.region.weight @ vertex) @ (reasoning.word.weight @ word)
            for word in relation_words
        ]
        for vertex in vertices
    ]
    to_words = torch.stack([softmax(row) for row in affinity])  # (P, T)
    to_positions = torch.stack([softmax(column) for column in zip(*affinity)])  # (T, P)
    return to_words @ to_positions


def reason(reasoning, joint, words, relation):
    """The positions after all layers, a list of P vectors."""
    vertices = [reasoning.vertex.weight @ m + reasoning.vertex.bias for m in joint]
    graph = adjacency(reasoning, vertices, words, relation)
    graph = graph + torch.eye(len(graph), dtype=graph.dtype)
    nodes = torch.stack(vertices)
    for weight in reasoning.layers:
        nodes = graph @ nodes @ weight.t()
    return list(nodes)


def progressive_comprehension(neck, index, level, words, sentence):
    """Y of one level (C_i, H, W) for the valid words (T, C_t) of one expression.

    Shares nothing with the neck but its weights.
    """
    own = neck.levels[index]
    _, height, width = level.shape
    whole = unit(sentence)
    if neck.classifier is None:
        s = whole
    else:
        words, relation, q, s = read_words(neck.classifier, words)
    visual = []
    for h in range(height):
        for w in range(width):
            place = level.new_tensor(place_of(h, w, height, width))
            features = torch.cat([level[:, h, w], place])
            visual.append(unit(own.visual.weight @ features + own.visual.bias))

    comprehended = None
    if hasattr(own.joint, "entity"):
        comprehended = [perceive(own.joint, x, q) for x in visual]
    elif own.joint is not None:
        linear = own.joint.joint
        comprehended = [
            unit(torch.tanh(linear.weight @ torch.cat([x, whole]) + linear.bias))
            for x in visual
        ]
    if own.reasoning is not None:
        comprehended = reason(own.reasoning, comprehended, words, relation)

    out = level.new_zeros(neck.out_channels, height, width)
    for p, x in enumerate(visual):
        parts = [x, s] if comprehended is None else [x, comprehended[p], s]
        mixed = own.output.weight @ torch.cat(parts) + own.output.bias
        out[:, p // width, p % width] = mixed.clamp(min=0)
    return out
