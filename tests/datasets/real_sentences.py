"""Real sentences of the evaluation splits as folders in the layout of REFER."""

from __future__ import annotations

import csv
import gzip

from tests.datasets.refer_folder import instances_of, reference, write_refer

NAMES = {
    "refcoco_unc": ("refcoco", "unc"),
    "refcoco+_unc": ("refcoco+", "unc"),
    "refcocog_umd": ("refcocog", "umd"),
    "refcocog_google": ("refcocog", "google"),
}


def write_real_sentences(test_data, root):
    """Write them below a root, RefCOCOg's two partitions below one folder each.

    Returns the image ids of each (dataset, partition, split).
    """
    entries, images = {}, {}
    for path in sorted((test_data / "refcoco_text").glob("*.csv.gz")):
        name, _, split = path.name.removesuffix(".csv.gz").rpartition("_")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        images[(*NAMES[name], split)] = {int(row["image_id"]) for row in rows}
        references = entries.setdefault(NAMES[name], {})
        for row in rows:
            key = int(row["ref_id"])
            if key not in references:
                references[key] = reference(
                    key, int(row["image_id"]), split, texts=(), ann_id=[-1]
                )
            text = row["sentence"]
            references[key]["sentences"].append(
                {"sent_id": int(row["sent_id"]), "sent": text, "raw": text}
            )
    for (dataset, partition), references in entries.items():
        write_refer(
            root / partition if dataset == "refcocog" else root,
            list(references.values()),
            {**instances_of(references.values()), "annotations": []},
            dataset=dataset,
            partition=partition,
            pictures=False,
            suffix=".json",
        )
    return images
