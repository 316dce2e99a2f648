from .dense_crf_post_processing import DenseCRFPostProcessing
from .post_processing import PostProcessing

__all__ = ["DenseCRFPostProcessing", "PostProcessing"]
