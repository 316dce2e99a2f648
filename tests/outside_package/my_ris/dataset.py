"""Pictures and a CSV file with a line image,left,top,width,height,sentence a box."""

import csv
from pathlib import Path

from PIL import Image

from mmris.datasets import BaseRefDataset
from mmris.registry import DATASETS


@DATASETS.register_module()
class BoxRefDataset(BaseRefDataset):
    def load_data_list(self):
        records = {}
        with open(self.ann_file, encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file)):
                if row["image"] not in records:
                    records[row["image"]] = self.new_record(row["image"], len(records))
                left, top = float(row["left"]), float(row["top"])
                right, bottom = left + float(row["width"]), top + float(row["height"])
                polygon = [left, top, right, top, right, bottom, left, bottom]
                records[row["image"]]["references"].append(
                    {
                        "ref_id": line,
                        "ann_ids": [line],
                        "category_id": 0,
                        "segmentations": [[polygon]],  # as COCO writes them
                        "sentences": [
                            {"sent_id": line, "text": row["sentence"], "kind": ""}
                        ],
                    }
                )
        return list(records.values())

    def new_record(self, name, image_id):
        path = Path(self.data_prefix["img_path"]) / name
        with Image.open(path) as image:
            width, height = image.size
        return {
            "image_id": image_id,
            "img_path": str(path),
            "height": height,
            "width": width,
            "references": [],
        }
