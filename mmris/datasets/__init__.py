from .base_ref_dataset import BaseRefDataset
from .hub_ref_dataset import HubRefDataset
from .json_ref_dataset import JsonRefDataset
from .masks import decode_segmentations
from .mixed_ref_dataset import MixedRefDataset
from .phrasecut_dataset import PhraseCutDataset
from .refer_dataset import ReferDataset
from .refer_files import read_refer_records
from .referit_dataset import ReferItDataset
from .safe_pickle import load_plain_pickle
from .shapes_ref_dataset import ShapesRefDataset
from .transforms import (
    LoadRefImage,
    LoadRefMasks,
    PackRefInputs,
    RefRandomFlip,
    RefResize,
    mirror_words,
)

__all__ = [
    "BaseRefDataset",
    "HubRefDataset",
    "JsonRefDataset",
    "LoadRefImage",
    "LoadRefMasks",
    "MixedRefDataset",
    "PackRefInputs",
    "PhraseCutDataset",
    "RefRandomFlip",
    "RefResize",
    "ReferDataset",
    "ReferItDataset",
    "ShapesRefDataset",
    "decode_segmentations",
    "load_plain_pickle",
    "mirror_words",
    "read_refer_records",
]
