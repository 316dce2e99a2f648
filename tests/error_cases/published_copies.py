"""Published files and copies of them, and what other programs wrote."""

from PIL import ExifTags, Image

from mmris.datasets import PhraseCutDataset, ReferItDataset
from mmris.datasets.conversion import LeftOut, read_labelme_entries
from mmris.datasets.hub_rows import recognise_columns
from mmris.datasets.mat_masks import read_mat_mask

from . import error
from .pictures_and_masks import own, picture


@error("An entry of own data has a mask and is about nothing")
def own_about_nothing(folder):
    own(folder, no_target=True)


@error("The query file of ReferIt is missing")
def referit_queries(folder):
    ReferItDataset(split="trainval", data_root=str(folder))


@error("A mask of ReferIt is missing")
def referit_mask(folder):
    read_mat_mask(str(folder / "8_1.mat"), 12, 20)


@error("A split of PhraseCut that there is not")
def phrasecut_split(folder):
    PhraseCutDataset(split="testA", data_root=str(folder))


@error("A copy on the Hugging Face hub whose masks cannot be trusted")
def flat_masks(folder):
    columns = ["question", "answer", "segmentation", "image"]
    recognise_columns(columns, "lmms-lab/RefCOCO, split 'val'")


@error("A shape of labelme on a photograph that its EXIF data turn")
def turned(folder):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture(folder / "a.jpg", exif=exif)
    shapes = '[{"label": "box", "points": [[1, 1], [5, 1], [5, 5]]}]'
    text = f'{{"shapes": {shapes}, "imagePath": "a.jpg"}}'
    (folder / "a.json").write_text(text)
    read_labelme_entries([folder / "a.json"], sentences="label", left_out=LeftOut())
