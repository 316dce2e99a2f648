"""Pictures for MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.visualization import MLflowVisBackend
from mmengine.visualization.vis_backend import force_init_env

from mmris.registry import VISBACKENDS

if TYPE_CHECKING:
    import numpy as np


@VISBACKENDS.register_module()
class RefMLflowVisBackend(MLflowVisBackend):
    """MMEngine's backend for MLflow, which takes pictures by the names others take.

    MLflow reads the format of a picture off the ending of its name, and the names that
    suit files and TensorBoard have none. Here the iteration and ``.png`` are added.

    Args:
        save_dir: Folder of the run.
        exp_name: Name of the experiment.
        tracking_uri: Server or database.
        artifact_location: Where pictures and logs of a new experiment go.
    """

    def __init__(
        self,
        *,
        save_dir: str,
        exp_name: str | None = None,
        tracking_uri: str | None = None,
        artifact_location: str | None = None,
    ) -> None:
        super().__init__(
            save_dir,
            exp_name=exp_name,
            tracking_uri=tracking_uri,
            artifact_location=artifact_location,
        )

    @force_init_env
    def add_image(
        self,
        name: str,
        image: np.ndarray,
        step: int = 0,
        **kwargs: Any,  # the signature of MMEngine's backends
    ) -> None:
        """Record a picture.

        Args:
            name: Its name, without an ending.
            image: ``(H, W, 3)`` uint8 in RGB order.
            step: The iteration.
            **kwargs: Not used.
        """
        self._mlflow.log_image(image, f"{name}_{step}.png")
