from .asymmetric_co_attention import AsymmetricCoAttention
from .co_attention import CoAttention
from .vanilla_co_attention import VanillaCoAttention

__all__ = ["AsymmetricCoAttention", "CoAttention", "VanillaCoAttention"]
