import numpy as np
import pytest
import torch

from mmris.evaluation import threshold_curve
from mmris.evaluation.scored_image import ScoredImage
from mmris.models.segmentors.restore import restore_logits
from tests.evaluation.made_images import LETTERBOX, SQUASHED, random_image


@pytest.fixture(scope="module")
def images():
    return [random_image(frame, k)[0] for k, frame in enumerate([SQUASHED, LETTERBOX])]


def test_the_curve_is_that_of_each_threshold_on_its_own(images):
    curve = threshold_curve(images)
    assert {0.01, 0.35, 0.4, 0.5, 0.99} <= set(curve.thresholds.tolist())
    for place, threshold in enumerate(curve.thresholds):
        ious, both, union = [], 0, 0
        for image in images:
            probability = restore_logits(
                image.logits[:, None],
                input_size=image.frame.input_size,
                content_box=image.frame.content_box,
                original_size=image.size,
            )
            probability = probability.double().sigmoid()
            for mask, truth in zip(probability.numpy() > threshold, image.true_masks):
                both += (mask & truth).sum()
                union += (mask | truth).sum()
                ious.append((mask & truth).sum() / max((mask | truth).sum(), 1))
        assert curve.overall_iou[place] == pytest.approx(100 * both / union, abs=1e-9)
        assert curve.mean_iou[place] == pytest.approx(100 * np.mean(ious), abs=1e-9)
        reached = 100 * np.mean([value >= 0.5 for value in ious])
        assert curve.precision[place] == pytest.approx(reached)


def test_the_best_threshold_is_found():
    """Inside the object the maps say 0.31, outside 0.1: any threshold between does."""
    image = random_image(SQUASHED)[0]
    truth = torch.from_numpy(image.true_masks).float()
    maps = torch.logit(0.1 + 0.21 * truth)
    frame = type(image.frame)(image.size, (0, 0, *image.size))
    made = ScoredImage(image.size, image.truth, image.predicted, maps, frame)
    curve = threshold_curve([made])
    threshold, score = curve.best(curve.mean_iou)
    assert score == 100.0
    assert threshold == 0.31  # of those that are perfect the one nearest to 0.5
    assert curve.mean_iou[curve.thresholds == 0.5] == 0.0


def test_calibration_of_maps_that_say_what_is_true():
    image = random_image(SQUASHED)[0]
    share = image.true_masks.mean()
    logit = float(np.log(share / (1 - share)))
    maps = torch.full((6, *image.size), logit)
    frame = type(image.frame)(image.size, (0, 0, *image.size))
    made = ScoredImage(image.size, image.truth, image.predicted, maps, frame)
    curve = threshold_curve([made])
    assert curve.calibration_error == pytest.approx(0.0, abs=1e-4)
    assert curve.pixels.sum() == image.true_masks.size
    sure = ScoredImage(image.size, image.truth, image.predicted, maps * 0 + 20, frame)
    error = threshold_curve([sure]).calibration_error
    assert error == pytest.approx(100 * (1 - share), abs=1e-3)


def test_without_soft_scores_there_is_no_curve(images):
    bare = ScoredImage(images[0].size, images[0].truth, images[0].predicted)
    with pytest.raises(ValueError, match="masks and no soft scores"):
        threshold_curve([bare])
    with pytest.raises(ValueError, match="there is no sentence to score"):
        threshold_curve([])
