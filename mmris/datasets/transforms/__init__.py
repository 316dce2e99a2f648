from .flip import RefRandomFlip
from .load_image import LoadRefImage, read_image
from .load_masks import LoadRefMasks
from .mirrored_words import mirror_words
from .pack import PackRefInputs
from .resize import RefResize

__all__ = [
    "LoadRefImage",
    "LoadRefMasks",
    "PackRefInputs",
    "RefRandomFlip",
    "RefResize",
    "mirror_words",
    "read_image",
]
