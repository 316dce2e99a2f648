import numpy as np
import pytest
import torch

from mmris.evaluation.mask_rules import (
    BicubicRule,
    DilatingRule,
    NetworkInputRule,
    SmallGridRule,
    StoredMaskRule,
)
from mmris.evaluation.network_frame import NetworkFrame
from mmris.evaluation.scored_image import ScoredImage
from tests.evaluation.made_images import (
    LETTERBOX,
    SQUASHED,
    random_image,
    runs_of,
    true_sentence,
)
from tests.references import mask_rules as reference


def counts_of(pairs):
    return [
        ((p & t).sum(), p.sum(), t.sum()) for p, t in ((p > 0, t > 0) for p, t in pairs)
    ]


def found(rule, image):
    counts = rule.count(image)
    return list(zip(counts.intersection, counts.predicted, counts.truth, strict=True))


@pytest.mark.parametrize("frame", [SQUASHED, LETTERBOX], ids=["squashed", "letterbox"])
@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        (
            NetworkInputRule(align_corners=True),
            "network_input",
            {"align_corners": True},
        ),
        (
            NetworkInputRule(align_corners=False),
            "network_input",
            {"align_corners": False},
        ),
        (BicubicRule(0.35), "bicubic", {"threshold": 0.35}),
        (BicubicRule(0.5), "bicubic", {"threshold": 0.5}),
        (DilatingRule(), "dilating", {}),
        (SmallGridRule(7, 0.4), "small_grid", {"side": 7, "threshold": 0.4}),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "count") else None,
)
def test_rules_equal_their_plain_form(frame, rule, name, options):
    for seed in range(3):
        image, logits, truth, _ = random_image(frame, seed)
        pairs = [
            getattr(reference, name)(a, b, *frame, **options)
            for a, b in zip(logits, truth, strict=True)
        ]
        assert found(rule, image) == counts_of(pairs)


def test_stored_masks_are_counted_as_they_are():
    image, _, truth, predicted = random_image(SQUASHED)
    pairs = zip(predicted, truth, strict=True)
    assert found(StoredMaskRule(), image) == counts_of(pairs)


def test_a_pixel_grows_from_four_to_nine():
    """Worked out by hand: weights 1, 3/4, 1/4, 0 of the pixel along each side."""
    logits = torch.full((1, 2, 2), -5.0)
    logits[0, 0, 0] = 5.0
    truth = np.zeros((4, 4), bool)
    truth[:2, :2] = True
    image = ScoredImage(
        (4, 4),
        (true_sentence(truth),),
        (runs_of(truth)[1],),
        logits,
        NetworkFrame((2, 2), (0, 0, 2, 2)),
    )
    assert found(DilatingRule(), image) == [(4, 9, 4)]
    assert found(NetworkInputRule(align_corners=False), image) == [(1, 1, 1)]


def test_a_threshold_of_035_takes_more():
    image, *_ = random_image(SQUASHED)
    low, high = BicubicRule(0.35).count(image), BicubicRule(0.5).count(image)
    assert (low.predicted >= high.predicted).all()
    assert low.predicted.sum() > high.predicted.sum()


def test_stored_masks_cannot_answer_for_other_thresholds():
    image, *_ = random_image(SQUASHED)
    bare = ScoredImage(image.size, image.truth, image.predicted)
    for rule in (BicubicRule(0.35), DilatingRule(), SmallGridRule(7, 0.4)):
        assert rule.needs_soft_scores
        with pytest.raises(ValueError, match="masks and no soft scores.*--soft-scores"):
            rule.count(bare)
    assert len(StoredMaskRule().count(bare)) == 6
