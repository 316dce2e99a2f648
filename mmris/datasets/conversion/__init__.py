from .coco_entries import TextPlace, read_coco_entries
from .entry_file import write_entry_file
from .labelme_entries import SentenceField, read_labelme_entries
from .left_out import LeftOut

__all__ = [
    "LeftOut",
    "SentenceField",
    "TextPlace",
    "read_coco_entries",
    "read_labelme_entries",
    "write_entry_file",
]
