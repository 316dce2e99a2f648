"""A fully connected conditional random field draws masks to the edges of a picture.

Paper: Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian
Edge Potentials", NeurIPS 2011, https://arxiv.org/abs/1210.5644, Sec. 2 and 3.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from mmris.registry import TASK_UTILS

from .post_processing import PostProcessing

if TYPE_CHECKING:
    from torch import Tensor

# What is surer than this counts as this sure: energies stay finite.
_SMALLEST_PROBABILITY = 1e-6


@TASK_UTILS.register_module()
class DenseCRFPostProcessing(PostProcessing):
    r"""Mean-field inference of foreground and background in a dense CRF.

    The energy of labels x over positions p with colour :math:`I_p` is

    .. math::
        E(x) &= -\sum_i \log P(x_i) + \sum_{i<j} [x_i \ne x_j]\, k_{ij} \\
        k_{ij} &= w_a \exp\left(-\frac{|p_i - p_j|^2}{2\theta_\alpha^2}
            - \frac{|I_i - I_j|^2}{2\theta_\beta^2}\right)
            + w_s \exp\left(-\frac{|p_i - p_j|^2}{2\theta_\gamma^2}\right)

    with P the sigmoid of the logits; each of the two kernels is normalised
    symmetrically. CMSA and CMPC run 5 iterations at an input of 320x320 with
    :math:`w_s = 3, \theta_\gamma = 3, w_a = 10, \theta_\alpha = 20, \theta_\beta = 3`.

    The kernels are built once a picture and serve all its expressions. The library
    filters with a permutohedral lattice, an approximation of the sums over all pairs,
    on the CPU: at 320x320 about a second for a picture and a tenth for each mask.

    Args:
        num_iterations: Updates of the mean field.
        smoothness_weight: :math:`w_s`.
        smoothness_deviation: :math:`\theta_\gamma`, in pixels of the input.
        appearance_weight: :math:`w_a`.
        appearance_deviation: :math:`\theta_\alpha`, in pixels of the input.
        color_deviation: :math:`\theta_\beta`, on the scale of 0 to 255.

    Raises:
        ImportError: The package pydensecrf is not installed.
        ValueError: A number is not above zero.

    Deviations: probabilities are clipped to 1e-6 and 1 - 1e-6, so that a saturated
    logit has a finite energy; the released code of CMSA and CMPC does not clip. That
    code takes the likelier label at input size and resizes the mask; here logits of the
    posterior are returned and resized, and the threshold comes last as it always does.

    """

    def __init__(
        self,
        *,
        num_iterations: int,
        smoothness_weight: float,
        smoothness_deviation: float,
        appearance_weight: float,
        appearance_deviation: float,
        color_deviation: float,
    ) -> None:
        self.num_iterations = num_iterations
        self.smoothness_weight = smoothness_weight
        self.smoothness_deviation = smoothness_deviation
        self.appearance_weight = appearance_weight
        self.appearance_deviation = appearance_deviation
        self.color_deviation = color_deviation
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(
                    f"model.post_processing DenseCRFPostProcessing has {name}={value}; "
                    "give a number above zero"
                )
        # When the model is built, not at the first picture after hours of training.
        _import_library()

    def __call__(self, logits: Tensor, picture: Tensor) -> Tensor:
        """Refine the masks of one picture.

        Args:
            logits: ``(K, 1, H, W)`` before the sigmoid, at the size of the picture.
            picture: ``(3, H, W)`` uint8, RGB.

        Returns:
            Logits of the posterior, ``(K, 1, H, W)``, on the device of ``logits``.

        Raises:
            ValueError: Logits and picture differ in size.
        """
        size = tuple(picture.shape[-2:])
        if tuple(logits.shape[-2:]) != size:
            raise ValueError(
                f"logits of size {tuple(logits.shape[-2:])} for a picture of size "
                f"{size}: resize the logits to the picture first"
            )
        field = self._field(picture)
        refined = [self._posterior(field, own) for own in _energies(logits)]
        return torch.stack(refined).view(len(logits), 1, *size).to(logits)

    def _field(self, picture: Tensor) -> Any:
        """A field of two labels with the kernels of a picture, energies to be set."""
        height, width = picture.shape[-2:]
        field = _import_library().DenseCRF2D(width, height, 2)
        field.addPairwiseGaussian(
            sxy=self.smoothness_deviation, compat=self.smoothness_weight
        )
        field.addPairwiseBilateral(
            sxy=self.appearance_deviation,
            srgb=self.color_deviation,
            rgbim=np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy()),
            compat=self.appearance_weight,
        )
        return field

    def _posterior(self, field: Any, energies: Tensor) -> Tensor:
        """Logits ``(P,)`` of the mean field, from the energies of labels ``(2, P)``."""
        field.setUnaryEnergy(np.ascontiguousarray(energies.numpy()))
        inferred = torch.from_numpy(np.array(field.inference(self.num_iterations)))
        logarithms = inferred.clamp(min=_SMALLEST_PROBABILITY).log()  # (2, P)
        return logarithms.diff(dim=0)[0]


def _energies(logits: Tensor) -> Tensor:
    """-log P of background and foreground, ``(K, 2, P)`` float32 on the CPU."""
    bound = torch.logit(torch.tensor(1.0 - _SMALLEST_PROBABILITY, dtype=torch.float64))
    clipped = logits.detach().float().cpu().flatten(1).clamp(-bound, bound)
    return torch.stack([functional.softplus(clipped), functional.softplus(-clipped)], 1)


def _import_library() -> Any:
    try:
        return import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise ImportError(
            "model.post_processing DenseCRFPostProcessing needs the package "
            f"pydensecrf, which cannot be imported ({error}). Install it with "
            "pip install 'mmris[crf]' (a C++ compiler builds it), or leave it out with "
            "--cfg-options model.post_processing=None"
        ) from error
