"""Masks from the command line: pictures, folders, videos; every form of result."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from mmris.apis import RefSegInferencer
from mmris.cli import main
from mmris.utils.weight_files import sha256_of
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint

WORDS = ["the red circle", "left"]
ALL = ["--save", "overlay", "mask", "cutout", "box", "polygon", "rle"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "My photo (1).png"
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, size=(6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((90, 60)).save(path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, image):
    """A model whose masks cover about half of the picture, each sentence another."""
    path, config = tmp_path_factory.mktemp("segment") / "k.pth", make_config()
    model = parts.build_model(config.model)
    segment = RefSegInferencer(checkpoint=write_checkpoint(path, config, model))
    logits = segment(image, WORDS, with_logits=True).logits
    score = model.decode_head.mask_decoder.score
    with torch.no_grad():
        score.bias -= float(np.median(logits))
        score.weight /= float(logits.std())
        score.bias /= float(logits.std())
    return str(write_checkpoint(path, config, model))


@pytest.fixture
def run(checkpoint, tmp_path, capsys):
    """Exit code, output and errors of a run; its files are in tmp_path/out."""

    def run(*words, model=("--checkpoint", checkpoint)):
        words = ["segment", *map(str, words), *model, "--out-dir", tmp_path / "out"]
        code = main([*map(str, words), "--device", "cpu"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def entries(folder):
    text = (folder / "results.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_form_says_the_same_mask(run, image, checkpoint, tmp_path):
    code, said, _ = run(image, *WORDS, *ALL)
    assert code == 0
    found = RefSegInferencer(checkpoint=checkpoint, device="cpu")(image, WORDS)
    out, picture = tmp_path / "out", np.asarray(Image.open(image))
    starts = ["my-photo-1_1_the-red-circle", "my-photo-1_2_left"]
    kinds = ("cutout", "mask")
    assert names(out) == sorted(
        [f"{start}_{kind}.png" for start in starts for kind in kinds]
        + ["my-photo-1_all.png", "results.jsonl"]
    )
    for row, (start, entry) in enumerate(zip(starts, entries(out), strict=True)):
        mask = found.masks[row]
        assert 0 < mask.sum() < mask.size
        assert entry["expression"] == WORDS[row]
        assert entry["image"] == str(image)
        assert entry["size"] == [60, 90]
        assert entry["area"] == mask.sum()
        assert entry["score"] == pytest.approx(found.scores[row], abs=1e-4)
        pixels = np.asarray(Image.open(out / f"{start}_mask.png"))
        np.testing.assert_array_equal(pixels, 255 * mask.astype(np.uint8))
        np.testing.assert_array_equal(coco_mask.decode(entry["rle"]), mask)
        x, y, width, height = entry["box"]
        cut = np.asarray(Image.open(out / f"{start}_cutout.png"))
        inside = mask[y : y + height, x : x + width]
        assert inside.sum() == mask.sum()
        np.testing.assert_array_equal(cut[..., 3], 255 * inside.astype(np.uint8))
        box = picture[y : y + height, x : x + width]
        np.testing.assert_array_equal(cut[..., :3][inside], box[inside])
        assert not cut[..., :3][~inside].any()
        assert entry["polygons"]
        assert f"'{WORDS[row]}': score {found.scores[row]:.2f}, " in said
        assert f"wrote {out / entry['files']['mask']}" in said


def test_an_empty_mask_has_no_box_and_no_cut_out(run, image, tmp_path):
    code, said, _ = run(image, "x", "--threshold", "0.9999", *ALL)
    assert code == 0
    (entry,) = entries(tmp_path / "out")
    assert entry["area"] == entry["score"] == 0
    assert entry["box"] is None
    assert entry["polygons"] == entry["holes"] == []
    assert list(entry["files"]) == ["mask"]
    assert "nothing found" in said


def test_the_threshold_is_the_models(run, image, checkpoint, tmp_path):
    run(image, "x", "--threshold", "0.7")
    segment = RefSegInferencer(checkpoint=checkpoint, device="cpu")
    logits = segment(image, "x", with_logits=True).logits
    expected = (torch.from_numpy(logits).sigmoid() > 0.7).sum()
    (entry,) = entries(tmp_path / "out")
    assert 0 < entry["area"] == expected


def test_a_folder_goes_on_after_a_damaged_picture(run, image, tmp_path):
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    picture = Image.open(image)
    for name in ("a.png", "a.bmp", "more/a.png"):
        picture.save(folder / name)
    (folder / "b.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    expressions = tmp_path / "words.txt"
    expressions.write_text("the red circle\n\n  left \n", encoding="utf-8")
    code, said, err = run(folder, "--expressions-from", expressions, "--save", "mask")
    assert code == 2
    assert re.search(r"error: .*b\.jpg .* is no complete picture", err)
    assert "error: 1 of 3 pictures were left out" in err
    assert "wrote 4 files of 2 pictures" in said
    found = [
        (entry["image"], entry["expression"]) for entry in entries(tmp_path / "out")
    ]
    pictures = [str(folder / "a.bmp"), str(folder / "a.png")]
    assert found == [(path, text) for path in pictures for text in WORDS]
    # Two files of one name do not write over each other.
    assert len([name for name in names(tmp_path / "out") if "mask" in name]) == 4
    (folder / "b.jpg").unlink()
    code, said, _ = run(folder, "x", "--recursive", "--save", "mask")
    assert code == 0
    assert "of 3 pictures" in said


def test_a_video(run, tmp_path):
    path, size = tmp_path / "clip.avi", (64, 48)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for number in range(5):
        writer.write(np.full((48, 64, 3), 40 * number, dtype=np.uint8))
    writer.release()
    code, said, _ = run(path, "x", "y", "--every", "2", "--save", "overlay", "mask")
    assert code == 0
    out = tmp_path / "out"
    frames = [(entry["frame"], entry["seconds"]) for entry in entries(out)]
    assert frames == [(n, n / 10) for n in (0, 0, 2, 2, 4, 4)]
    assert len([name for name in names(out) if name.startswith("clip_00000")]) == 6
    capture = cv2.VideoCapture(str(out / "clip_all.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert capture.get(cv2.CAP_PROP_FPS) == 5
    assert "of 3 frames" in said
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    code, _, err = run(tmp_path / "broken.mp4", "x")
    assert code == 2
    assert "broken.mp4 (8 bytes) cannot be opened by OpenCV" in err


def test_weights_with_their_checksum(run, image, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    checkpoint_path = Path(checkpoint)
    digest = sha256_of(checkpoint_path)
    address = checkpoint_path.as_uri()
    for model in ((checkpoint, digest), (address, digest.upper())):
        words = ("--checkpoint", model[0], "--sha256", model[1])
        assert run(image, "x", model=words)[0] == 0
    for given, message in (
        ((checkpoint, "--sha256", "0" * 64), f"has the checksum {digest}, not 0000"),
        ((address, "--sha256", "0" * 64), f"has the checksum {digest}, not 0000"),
        ((address,), "could be anything: say its checksum"),
        ((checkpoint, "--sha256", "abc"), "'abc' is no SHA-256"),
    ):
        code, _, err = run(image, "x", model=("--checkpoint", *given))
        assert code == 2
        assert message in err
        assert err.count("\n") == 1


def test_wrong_input_is_one_line_and_2(run, image, checkpoint, tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "empty").mkdir()
    for words, message in (
        ([tmp_path / "b.jpg", "x"], "no picture .*b.jpg"),
        ([tmp_path / "a.jpg", "x"], "a.jpg .* is no complete picture"),
        ([tmp_path / "empty", "x"], "no picture in the folder .*--recursive"),
        ([tmp_path / "b.mp4", "x"], "no video .*b.mp4"),
        ([image], "no expression is given"),
        ([image, " "], "sentence 1 of 1 is blank"),
        ([image, "--expressions-from", tmp_path / "no.txt"], "no.txt cannot be read"),
        ([image, "x", "--model", "cmsa_tiny_shapes"], "is given beside config or"),
    ):
        code, _, err = run(*words)
        assert code == 2
        assert re.search(message, err), err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    for model, message in (
        (("--model", "cmsa_tiny_shaps"), "no model 'cmsa_tiny_shaps'; did you mean"),
        ((), "neither config nor checkpoint is given"),
        (("--sha256", "0" * 64), "--sha256 is the checksum of --checkpoint"),
    ):
        code, _, err = run(image, "x", model=model)
        assert code == 2
        assert message in err
