import cv2
import numpy as np
import pytest
import torch

from mmris.evaluation.mask_rules import (
    BicubicRule,
    DilatingRule,
    NetworkInputRule,
    SmallGridRule,
    StoredMaskRule,
    WarpedRule,
    warp_back,
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
        (WarpedRule(0.35), "warped", {"threshold": 0.35}),
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
    low, high = WarpedRule(0.35).count(image), WarpedRule(0.5).count(image)
    assert (low.predicted >= high.predicted).all()
    assert low.predicted.sum() > high.predicted.sum()


def test_stored_masks_cannot_answer_for_other_thresholds():
    image, *_ = random_image(SQUASHED)
    bare = ScoredImage(image.size, image.truth, image.predicted)
    rules = (BicubicRule(0.5), WarpedRule(0.35), DilatingRule(), SmallGridRule(7, 0.4))
    for rule in rules:
        assert rule.needs_soft_scores
        with pytest.raises(ValueError, match="masks and no soft scores.*--soft-scores"):
            rule.count(bare)
    assert len(StoredMaskRule().count(bare)) == 6


def test_the_warp_is_that_of_opencv():
    """Which rounds places to 1/32 of a pixel."""
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.random((40, 48)).astype(np.float32), (0, 0), 3)
    frame = NetworkFrame((40, 48), (4, 0, 32, 48))
    height, width = 50, 75
    corners = [[0, 0], [width, 0], [0, height]]
    places = [[0, 4], [48, 4], [0, 36]]  # of the box, as (x, y)
    matrix = cv2.getAffineTransform(np.float32(places), np.float32(corners))
    expected = cv2.warpAffine(
        smooth, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=0.0
    )
    found = warp_back(torch.from_numpy(smooth)[None, None], frame, (height, width))
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=0.02)
    assert np.abs(expected).max() > 0.4
    # Half-pixel centres would put it elsewhere.
    cut = cv2.resize(smooth[4:36], (width, height), interpolation=cv2.INTER_CUBIC)
    assert (
        np.abs(cut - expected)[2:-2, 2:-2].mean()
        > 5 * np.abs(found[0, 0].numpy() - expected)[2:-2, 2:-2].mean()
    )
