"""Pictures, masks and annotation files."""

import json
import pickle
import tarfile
import zipfile

import numpy as np
from PIL import Image

from mmris.datasets import (
    BaseRefDataset,
    JsonRefDataset,
    LoadRefImage,
    LoadRefMasks,
    MixedRefDataset,
    PackRefInputs,
    ReferDataset,
    RefRandomFlip,
    RefResize,
    ShapesRefDataset,
)
from mmris.datasets.archives import Archive, unpack
from mmris.datasets.masks import encode_segmentations

from . import behaviour, error

SQUARE = [[2, 2, 8, 2, 8, 6, 2, 6]]


def picture(path, mode="RGB", size=(20, 12), **options):
    rows = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rows).convert(mode).save(path, **options)
    return path


def load(path, **results):
    return LoadRefImage().transform({"img_path": str(path), **results})["img"]


def own(folder, root=".", **changes):
    picture(folder / "a.png")
    entry = {"image": "a.png", "mask": SQUARE, "sentences": ["the box"], **changes}
    text = json.dumps({key: value for key, value in entry.items() if value is not ...})
    (folder / "own.jsonl").write_text(f"{text}\n")
    return JsonRefDataset(ann_file="own.jsonl", data_root=str(folder / root))


def refer(folder, root=".", **options):
    sentence = {"sent_id": 0, "sent": "the box", "raw": "the box"}
    reference = {
        "ref_id": 1,
        "image_id": 1,
        "ann_id": 1,
        "category_id": 1,
        "split": "train",
        "sentences": [sentence],
    }
    image = {"id": 1, "file_name": "a.png", "height": 12, "width": 20}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": SQUARE}
    annotation.update(options.pop("annotation", {}))
    target = folder / "refcoco"
    target.mkdir()
    (folder / "images").mkdir()
    instances = {"images": [image], "annotations": [annotation]}
    (target / "instances.json").write_text(json.dumps(instances))
    (target / "refs(unc).p").write_bytes(pickle.dumps([reference], protocol=2))
    settings = {"partition": "unc", "split": "train", "image_dir": "images", **options}
    return ReferDataset(dataset="refcoco", data_root=str(folder / root), **settings)


@error("A picture is missing")
def missing_picture(folder):
    load(folder / "a.png")


@error("The folder of the pictures is one level off")
def picture_one_level_off(folder):
    picture(folder / "train" / "a.png")
    load(folder / "a.png")


@error("A picture is cut off, or none")
def truncated(folder):
    path = picture(folder / "a.jpg", size=(200, 120))
    path.write_bytes(path.read_bytes()[:400])
    load(path)


@error("A picture is of another size than its annotations")
def other_size(folder):
    load(picture(folder / "a.png"), height=24, width=40)


@error("A picture of 32 bits a pixel")
def floats(folder):
    Image.fromarray(np.ones((4, 4), np.float32)).save(folder / "a.tiff")
    load(folder / "a.tiff")


@behaviour("Grey, palette, CMYK and 16-bit pictures")
def kinds(folder):
    for mode, name in (("L", "a.png"), ("P", "b.png"), ("CMYK", "c.jpg")):
        loaded = load(picture(folder / name, mode))
        assert loaded.shape == (12, 20, 3)
        assert loaded.dtype == np.uint8
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(folder / "d.png")
    assert load(folder / "d.png").max() == 40000 // 256


@behaviour("A photograph that its EXIF data turn")
def exif(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert load(picture(folder / "a.jpg", exif=exif)).shape == (12, 20, 3)


@error("The data folder is one level off")
def data_one_level_off(folder):
    (folder / "inner").mkdir()
    own(folder, root="inner")


@error("The data folder has no annotations")
def no_annotations(folder):
    ReferDataset(
        dataset="refcoco", partition="unc", split="val", data_root=str(folder)
    ).full_init()


@error("A partition that is not there")
def partition(folder):
    refer(folder, partition="google").full_init()


@error("A split that is not there")
def split(folder):
    refer(folder, split="testC").full_init()


@error("A split of generated scenes that there is not")
def split_of_scenes(folder):
    ShapesRefDataset(split="tran", num_images=1)


@error("An annotation without a mask")
def no_mask(folder):
    refer(folder, annotation={"segmentation": []}).full_init()


@error("An entry of own data without a mask")
def own_no_mask(folder):
    own(folder, mask=...)


@error("A misspelt key of own data")
def own_misspelt(folder):
    own(folder, sentence="the box")


@error("A mask of own data that is empty")
def own_empty(folder):
    own(folder, mask={"size": [12, 20], "counts": [240]})


@error("A mask of own data outside its picture")
def own_outside(folder):
    own(folder, mask=[[30, 2, 38, 2, 38, 6, 30, 6]])


@error("A mask of own data of another size")
def own_size(folder):
    own(folder, mask={"size": [20, 12], "counts": [200, 40]})


@error("A mask of own data whose shape is in its transparency")
def own_cut_out(folder):
    pixels = np.full((12, 20, 4), 255, np.uint8)
    pixels[:6, :, -1] = 0
    Image.fromarray(pixels).save(folder / "cut.png")
    dataset = own(folder, mask="cut.png")
    LoadRefMasks().transform({**dataset[0], "img_shape": (12, 20)})


@error("A blank sentence of own data")
def own_blank(folder):
    own(folder, sentences=["the box", " "])


@error("An annotation file that is cut off")
def cut_off(folder):
    (folder / "own.json").write_text('[{"image": "a.png", "mas')
    JsonRefDataset(ann_file="own.json", data_root=str(folder))


@error("A polygon of fewer than three points")
def two_points(folder):
    encode_segmentations([[[1, 1, 5, 5]]], 12, 20)


def unpacked(path, root):
    with Archive(path) as archive:
        unpack(archive, root)


def zipped(folder, name, content=b"{}"):
    path = folder / "refcoco.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


@error("An archive leads out of its folder")
def archive_outside(folder):
    unpacked(zipped(folder, "../refcoco/instances.json"), folder / "data")


@error("An archive has links")
def archive_links(folder):
    path = folder / "refcoco.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("refcoco/instances.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    unpacked(path, folder / "data")


@error("A download is a web page")
def archive_page(folder):
    (folder / "refcoco.zip").write_text("<!DOCTYPE html>")
    unpacked(folder / "refcoco.zip", folder / "data")


@error("An archive is cut off")
def archive_cut_off(folder):
    path = zipped(folder, "refcoco/instances.json", bytes(range(256)) * 9)
    path.write_bytes(path.read_bytes()[:400])
    unpacked(path, folder / "data")


@error("An archive of something else")
def archive_of_else(folder):
    unpacked(zipped(folder, "thesis.tex"), folder / "data")


@error("A file is in the way of an archive's")
def archive_in_the_way(folder):
    (folder / "refcoco").mkdir()
    (folder / "refcoco" / "instances.json").write_text("mine")
    unpacked(zipped(folder, "refcoco/instances.json"), folder)


@error("A mixture of which a set is held out whole")
def mixture_of_nothing(folder):
    dataset = refer(folder)
    MixedRefDataset(datasets=[dataset], held_out=[dataset])


@error("Weights of a mixture that are none")
def mixture_weights(folder):
    MixedRefDataset(datasets=[{}, {}], weights=[1])


def scenes(pipeline, **options):
    return ShapesRefDataset(
        split="train", num_images=1, image_size=(32, 32), pipeline=pipeline, **options
    )


@error("A transform of another library moves the picture alone")
def foreign_transform(folder):
    flip = {"type": "mmseg.RandomFlip", "prob": 0.5}
    scenes([LoadRefImage(), LoadRefMasks(), flip, PackRefInputs()])


@error("Pictures are mirrored in testing")
def mirrored_in_testing(folder):
    flip = RefRandomFlip(prob=0.5)
    scenes([LoadRefImage(), flip, LoadRefMasks(), PackRefInputs()], test_mode=True)


@error("A picture is resized twice")
def resized_twice(folder):
    sizes = [RefResize(size=(16, 16)), RefResize(size=(8, 8), keep_ratio=True)]
    scenes([LoadRefImage(), LoadRefMasks(), *sizes, PackRefInputs()])


@error("Masks of training are loaded after the picture was resized")
def masks_after_resizing(folder):
    resize = RefResize(size=(16, 16))
    scenes([LoadRefImage(), resize, LoadRefMasks(), PackRefInputs()])


@error("A pipeline does not load the picture")
def no_picture_loaded(folder):
    RefResize(size=(8, 8)).transform({"expressions": ["the box"]})


@error("A dataset of your own makes pictures of floats, grey or 16 bits")
def floats_for_a_picture(folder):
    LoadRefImage().transform({"img": np.ones((12, 20, 3), np.float32), "image_id": 7})


@error("A loader of your own gives masks of 0 and 255")
def masks_of_255(folder):
    item = {"img": np.zeros((4, 4, 3), np.uint8), "expressions": ["the box"]}
    PackRefInputs().transform({**item, "gt_masks": np.full((1, 4, 4), 255, np.uint8)})


@error("A loader of your own gives masks of another size or type")
def masks_of_another_size(folder):
    item = {"img": np.zeros((4, 6, 3), np.uint8), "expressions": ["the box"]}
    PackRefInputs().transform({**item, "gt_masks": np.ones((1, 6, 4), np.uint8)})


class OwnRecords(BaseRefDataset):
    def __init__(self, **changes):
        self.changes = changes
        super().__init__()

    def load_data_list(self):
        sentence = {"sent_id": 0, "text": "the box", "kind": ""}
        reference = {
            "ref_id": 0,
            "ann_ids": [0],
            "category_id": 0,
            "segmentations": [SQUARE],
            "sentences": [sentence],
        }
        reference.update(self.changes)
        known = {key: value for key, value in reference.items() if value is not ...}
        size = {"height": 12, "width": 20}
        return [{"image_id": 0, "img_path": "a.png", **size, "references": [known]}]


@error("A record of a dataset of your own lacks a field")
def record_without_a_field(folder):
    OwnRecords(ref_id=...)


@error("Polygons of a dataset of your own are shares of the picture's size")
def shares_for_pixels(folder):
    OwnRecords(segmentations=[[[0.1, 0.2, 0.8, 0.2, 0.8, 0.9]]])


@error("A polygon of a dataset of your own is outside of the picture")
def polygon_outside(folder):
    OwnRecords(segmentations=[[[22, 2, 28, 2, 28, 9]]])
