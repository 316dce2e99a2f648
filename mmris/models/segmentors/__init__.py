from .prediction_settings import PredictionSettings
from .ref_segmentor import RefSegmentor
from .restore import restore_logits

__all__ = ["PredictionSettings", "RefSegmentor", "restore_logits"]
