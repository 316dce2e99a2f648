import copy
import functools
import sys

import pytest
import torch

from mmris.models import DenseCRFPostProcessing
from mmris.registry import TASK_UTILS
from tests.references.dense_crf import dense_crf

PAPERS = {
    "num_iterations": 5,
    "smoothness_weight": 3.0,
    "smoothness_deviation": 3.0,
    "appearance_weight": 10.0,
    "appearance_deviation": 20.0,
    "color_deviation": 3.0,
}
# The papers' kernels, but no posterior at 0 or 1.
GENTLE = {
    **PAPERS,
    "num_iterations": 2,
    "smoothness_weight": 1.0,
    "appearance_weight": 2.0,
}
# Weak enough that every number shows in the posterior.
WEAK = {
    "num_iterations": 2,
    "smoothness_weight": 1.5,
    "smoothness_deviation": 1.5,
    "appearance_weight": 3.0,
    "appearance_deviation": 6.0,
    "color_deviation": 25.0,
}


@pytest.fixture
def library():
    return pytest.importorskip(
        "pydensecrf.densecrf", reason="no pydensecrf: pip install 'mmris[crf]'"
    )


def make_picture(noise=6):
    """A red block on grey, and more green to the right; (3, 11, 17)."""
    torch.manual_seed(0)
    picture = torch.full((3, 11, 17), 60)
    picture[0, 3:8, 4:12] = 120
    picture[1, :, 9:] = 90
    return (picture + torch.randint(-noise, noise + 1, picture.shape)).to(torch.uint8)


def make_logits(rows=2):
    torch.manual_seed(1)
    logits = torch.randn(rows, 1, 11, 17)
    logits[:, :, 3:8, 4:12] += 1
    return logits


def literally(logits, picture, settings):
    return torch.stack(
        [dense_crf(row[0].double().sigmoid(), picture, **settings) for row in logits]
    )[:, None]


@functools.cache
def weak_field():
    return literally(make_logits(), make_picture(), WEAK)


def distance(settings, logits, picture, expected):
    """Mean distance of the posterior of the foreground."""
    refined = DenseCRFPostProcessing(**settings)(logits, picture)
    return (refined.double().sigmoid() - expected).abs().mean()


@pytest.mark.parametrize(
    ("settings", "noise", "bound"),
    [
        pytest.param(PAPERS, 2, 0.02, id="papers"),
        pytest.param(GENTLE, 2, 0.006, id="gentle", marks=pytest.mark.slow),
        pytest.param(WEAK, 6, 0.015, id="weak", marks=pytest.mark.slow),
    ],
)
def test_is_the_mean_field_over_all_pairs_but_for_the_lattice(
    library, settings, noise, bound
):
    logits, picture = make_logits(), make_picture(noise)
    expected = literally(logits, picture, settings)
    assert (expected - logits.double().sigmoid()).abs().mean() > 0.09
    assert distance(settings, logits, picture, expected) < bound


SMALL, LARGE = "smoothness_deviation", "appearance_deviation"
OTHER_MEANINGS = {
    "no iteration more": {"num_iterations": 1},
    "weights exchanged": {"smoothness_weight": 3.0, "appearance_weight": 1.5},
    "deviations exchanged": {SMALL: 6.0, LARGE: 1.5},
    "twice the smoothness": {"smoothness_weight": 3.0},
    "half the appearance": {"appearance_weight": 1.5},
    "variance for deviation": {SMALL: 1.5**2, LARGE: 36.0},
    "place and colour exchanged": {LARGE: 25.0, "color_deviation": 6.0},
    "half the variance": {SMALL: 1.5 * 2**0.5, LARGE: 6.0 * 2**0.5},
}


@pytest.mark.parametrize("changes", OTHER_MEANINGS.values(), ids=OTHER_MEANINGS)
def test_no_number_means_another(library, changes):
    """The comparison above would not hold if a number meant something else."""
    logits, picture = make_logits(), make_picture()
    expected = weak_field()
    right = distance(WEAK, logits, picture, expected)
    wrong = distance({**WEAK, **changes}, logits, picture, expected)
    assert wrong > 1.3 * right


def test_axes_channels_and_labels_are_those_of_the_reference(library):
    logits, picture = make_logits(), make_picture()
    expected = weak_field()
    right = distance(WEAK, logits, picture, expected)
    turned = picture.mT.reshape(3, 11, 17)
    assert distance(WEAK, logits, turned, expected) > 2 * right
    crf = DenseCRFPostProcessing(**WEAK)
    torch.testing.assert_close(
        crf(-logits, picture), -crf(logits, picture), rtol=0, atol=1e-3
    )


def test_a_mask_is_drawn_to_the_edge(library):
    picture = torch.full((3, 24, 40), 30, dtype=torch.uint8)
    picture[:, 6:18, 10:30] = 220
    logits = torch.full((1, 1, 24, 40), -2.0)
    logits[..., 8:20, 12:27] = 2.0  # beside the block
    refined = DenseCRFPostProcessing(**PAPERS)(logits, picture)[0, 0] > 0
    wanted = picture[0] > 100

    def overlap(mask):
        return ((mask & wanted).sum() / (mask | wanted).sum()).item()

    assert overlap(logits[0, 0] > 0) < 0.65
    assert overlap(refined) > 0.95


def test_expressions_of_a_picture_do_not_see_each_other(library):
    logits, picture = make_logits(3), make_picture()
    crf = DenseCRFPostProcessing(**WEAK)
    together = crf(logits, picture)
    assert together.shape == logits.shape
    assert together.dtype == torch.float32
    for row in range(3):
        alone = crf(logits[row : row + 1], picture)[0]
        torch.testing.assert_close(alone, together[row], rtol=0, atol=1e-5)


def test_no_pixel_and_no_posterior_is_beyond_doubt(library):
    """Probabilities are clipped before, so that neighbours can overrule, and after."""
    logits = torch.full((1, 1, 11, 17), -5.0)
    logits[0, 0, 4, 6] = torch.inf
    logits[0, 0, 7, 9] = -torch.inf
    strong = {**PAPERS, "smoothness_weight": 200.0, "appearance_weight": 200.0}
    picture = torch.full((3, 11, 17), 60, dtype=torch.uint8)
    refined = DenseCRFPostProcessing(**strong)(logits, picture)
    assert torch.isfinite(refined).all()
    assert (refined < -10).all()
    assert (refined > -20).all()


def test_any_layout_in_memory(library):
    logits, picture = make_logits(), make_picture()
    crf = DenseCRFPostProcessing(**WEAK)
    strided = logits.mT.contiguous().mT
    channels_last = picture.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    expected = crf(logits, picture)
    assert torch.equal(crf(strided, channels_last), expected)
    assert torch.equal(crf(logits.requires_grad_(), picture), expected)


def test_models_with_it_can_be_copied(library):
    copied = copy.deepcopy(DenseCRFPostProcessing(**WEAK))
    assert vars(copied) == WEAK


def test_misuse_is_refused(library):
    crf = TASK_UTILS.build({"type": "DenseCRFPostProcessing", **WEAK})
    with pytest.raises(ValueError, match=r"size \(40, 40\) for a picture of size"):
        crf(torch.zeros(1, 1, 40, 40), make_picture())
    with pytest.raises(ValueError, match=r"has color_deviation=0; give a number above"):
        DenseCRFPostProcessing(**{**WEAK, "color_deviation": 0})


def test_without_the_package_the_model_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    monkeypatch.delitem(sys.modules, "pydensecrf.densecrf", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'mmris\[crf\]'.*=None"):
        DenseCRFPostProcessing(**PAPERS)
