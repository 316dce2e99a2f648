from .progressive_comprehension_neck import ProgressiveComprehensionNeck

__all__ = ["ProgressiveComprehensionNeck"]
