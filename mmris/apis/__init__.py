from .init_model import init_model, load_weights
from .ref_seg_inferencer import RefSegInferencer
from .ref_seg_prediction import RefSegPrediction

__all__ = ["RefSegInferencer", "RefSegPrediction", "init_model", "load_weights"]
