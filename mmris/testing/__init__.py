from .model_checks import check_model

__all__ = ["check_model"]
