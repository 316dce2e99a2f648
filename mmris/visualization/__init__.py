from .ref_seg_visualizer import RefSegVisualizer

__all__ = ["RefSegVisualizer"]
