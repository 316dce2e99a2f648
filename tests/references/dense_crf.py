"""Mean field of a dense CRF as printed: all pairs of positions, no filtering tricks."""

import math

import torch


def kernel(features):
    """exp(-|f_i - f_j|^2 / 2) of all pairs, normalised symmetrically."""
    count = len(features)
    matrix = torch.zeros(count, count, dtype=torch.float64)
    for i in range(count):
        for j in range(count):
            distance = ((features[i] - features[j]) ** 2).sum()
            matrix[i, j] = math.exp(-distance / 2)
    root = matrix.sum(dim=1).sqrt()
    return matrix / root[:, None] / root[None, :]


def dense_crf(
    probability,
    picture,
    *,
    num_iterations,
    smoothness_weight,
    smoothness_deviation,
    appearance_weight,
    appearance_deviation,
    color_deviation,
):
    """Posterior of the foreground, (H, W), from its probability and an RGB picture.

    Krähenbühl and Koltun, NeurIPS 2011, Algorithm 1, with Potts compatibilities.
    """
    height, width = probability.shape
    places, colors = [], []
    for y in range(height):
        for x in range(width):
            places.append([x, y])
            colors.append(picture[:, y, x].tolist())
    places = torch.tensor(places, dtype=torch.float64)
    colors = torch.tensor(colors, dtype=torch.float64)
    smoothness = kernel(places / smoothness_deviation)
    appearance = kernel(
        torch.cat([places / appearance_deviation, colors / color_deviation], dim=1)
    )
    prior = probability.double().flatten()
    prior = torch.stack([1 - prior, prior], dim=1)  # (P, 2)
    belief = prior
    for _ in range(num_iterations):
        message = smoothness_weight * (smoothness @ belief)
        message = message + appearance_weight * (appearance @ belief)
        # Potts: every label pays for the belief in the other one.
        belief = prior * torch.exp(-message.flip(1))
        belief = belief / belief.sum(dim=1, keepdim=True)
    return belief[:, 1].view(height, width)
