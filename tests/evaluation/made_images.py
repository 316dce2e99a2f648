"""Small pictures with random masks and maps."""

import numpy as np
import torch

from mmris.datasets.masks import encode_mask
from mmris.evaluation.breakdowns import SentenceFacts
from mmris.evaluation.ground_truth import TrueSentence
from mmris.evaluation.mask_runs import MaskRuns
from mmris.evaluation.network_frame import NetworkFrame
from mmris.evaluation.scored_image import ScoredImage

SQUASHED = (11, 12), (0, 0, 11, 12)
LETTERBOX = (14, 12), (2, 0, 9, 12)


def runs_of(mask):
    encoding = encode_mask(mask)
    return encoding, MaskRuns.from_counts(encoding["counts"], mask.shape)


def true_sentence(mask, number=0, position=0, count=1, text="cup"):
    encoding, runs = runs_of(mask)
    facts = SentenceFacts(text, "", 1, 0, runs.area, mask.size, int(runs.area > 0))
    return TrueSentence(number, encoding, runs, position, count, facts)


def random_image(frame, seed=0, count=6, size=(9, 17)):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4, 5)).astype(np.float32)
    truth = random_boxes(rng, count, size)
    predicted = rng.random((count, *size)) < 0.4
    image = ScoredImage(
        size,
        tuple(true_sentence(mask, k) for k, mask in enumerate(truth)),
        tuple(runs_of(mask)[1] for mask in predicted),
        torch.from_numpy(logits),
        NetworkFrame(*frame),
    )
    return image, logits, truth, predicted


def random_boxes(rng, count, size):
    truth = np.zeros((count, *size), bool)
    for mask in truth:
        top, left = rng.integers(0, size[0] - 3), rng.integers(0, size[1] - 5)
        mask[top : top + rng.integers(1, 7), left : left + rng.integers(1, 9)] = True
    return truth
