from .ref_mlflow_vis_backend import RefMLflowVisBackend
from .ref_seg_visualizer import RefSegVisualizer

__all__ = ["RefMLflowVisBackend", "RefSegVisualizer"]
