from .levels import read_levels

__all__ = ["read_levels"]
