import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.visualization import RefSegVisualizer
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint
from tests.tools.conftest import load_tool


@pytest.fixture(scope="module")
def tool():
    return load_tool("demo")


WORDS = ["the red circle", "left"]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "My photo (1).png"
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, size=(6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((90, 60)).save(path)
    return str(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, image):
    """A model whose masks cover about half of the picture, each sentence another."""
    path, config = tmp_path_factory.mktemp("demo") / "k.pth", make_config()
    model = parts.build_model(config.model)
    segment = RefSegInferencer(checkpoint=write_checkpoint(path, config, model))
    logits = segment(image, WORDS, with_logits=True).logits
    score = model.decode_head.mask_decoder.score
    with torch.no_grad():
        score.bias -= float(np.median(logits))
        score.weight /= float(logits.std())
        score.bias /= float(logits.std())
    return str(write_checkpoint(path, config, model))


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_an_overlay_a_sentence_and_one_with_all(
    tool, image, checkpoint, tmp_path, capsys
):
    out = tmp_path / "a" / "b"
    arguments = [image, "the red circle", "Left!", "--checkpoint", checkpoint]
    assert tool.main([*arguments, "--out-dir", str(out), "--device", "cpu"]) == 0
    expected = [
        "my-photo-1_1_the-red-circle.png",
        "my-photo-1_2_left.png",
        "my-photo-1_all.png",
    ]
    assert files(out) == expected
    for name in expected:
        with Image.open(out / name) as picture:
            assert picture.mode == "RGB"
            assert picture.width == 512
            assert picture.height > 341
    said = capsys.readouterr().out
    for name in expected:
        assert f"wrote {out / name}" in said
    assert "'the red circle': " in said
    assert said.count("% of the image") == 2


def test_masks_and_scores_are_those_of_the_inferencer(
    tool, image, checkpoint, tmp_path, capsys
):
    out = tmp_path / "out"
    arguments = [image, *WORDS, "--checkpoint", checkpoint, "--out-dir", str(out)]
    assert tool.main(arguments) == 0
    said = capsys.readouterr().out
    found = RefSegInferencer(checkpoint=checkpoint)(image, WORDS)
    assert 0.1 < (found.masks[0] != found.masks[1]).mean() < 0.9
    notes = [f"score {score:.2f}" for score in found.scores]
    assert notes[0] != notes[1]
    for text, mask, note in zip(WORDS, found.masks, notes, strict=True):
        assert f"'{text}': {note}, {100 * mask.mean():.1f} % of the image" in said
    visualizer = RefSegVisualizer("expected", min_side=512, max_side=1280)
    for name, rows in (("1_the-red-circle", [0]), ("2_left", [1]), ("all", [0, 1])):
        expected = visualizer.draw_overlay(
            np.array(Image.open(image)),
            found.masks[rows],
            [WORDS[row] for row in rows],
            notes=[notes[row] for row in rows],
        )
        drawn = np.asarray(Image.open(out / f"my-photo-1_{name}.png"))
        np.testing.assert_array_equal(drawn, expected)


def test_colours_of_the_picture_are_kept(tool, checkpoint, tmp_path):
    path, out = tmp_path / "red.png", tmp_path / "out"
    Image.new("RGB", (600, 400), (200, 30, 10)).save(path)
    arguments = [str(path), "x", "--checkpoint", checkpoint, "--out-dir", str(out)]
    assert tool.main([*arguments, "--opacity", "0"]) == 0
    pixels = np.asarray(Image.open(out / "red_1_x.png"))[:400]
    assert ((pixels == (200, 30, 10)).all(axis=2)).mean() > 0.8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the red circle", "the-red-circle"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\NUL\x00?*", "c-nul"),
        ("Das M\u00e4dchen, ganz links", "das-madchen-ganz-links"),
        ("\U0001f98a", ""),
        ("\u05e2\u05dc \u05e9\u05de\u05d0\u05dc", ""),
        ("\ud83d half", "half"),
        ("word " * 50, "word-word-word-word-word-word-word-word"),
        ("w" * 500, "w" * 40),
        ("w" * 40, "w" * 40),
        ("w" * 38 + " and", "w" * 38),
    ],
)
def test_slugs(tool, text, expected):
    assert tool.slug(text) == expected


def test_any_sentences(tool, image, checkpoint, tmp_path, capsys):
    words = ["\U0001f98a \U0001f98a", "\u05de\u05e9\u05de\u05d0\u05dc", "x " * 5000]
    words += ["x"] * 8  # more than there are colours, and equal ones
    out = tmp_path / "out"
    arguments = [image, *words, "--checkpoint", checkpoint, "--out-dir", str(out)]
    assert tool.main(arguments) == 0
    found = files(out)
    assert len(found) == 12
    assert found[:2] == ["my-photo-1_01.png", "my-photo-1_02.png"]
    assert max(map(len, found)) < 80
    assert max(map(len, capsys.readouterr().out.splitlines())) < 300


def test_a_photograph(tool, checkpoint, test_data, tmp_path):
    photographs = test_data / "mini_refcoco" / "images"
    path = min(photographs.rglob("*.jpg"))
    out = tmp_path / "out"
    arguments = [str(path), "the woman", "--checkpoint", checkpoint]
    assert tool.main([*arguments, "--out-dir", str(out)]) == 0
    with Image.open(path) as photograph, Image.open(next(out.iterdir())) as overlay:
        assert overlay.width == photograph.width
        assert overlay.height > photograph.height


def test_config_alone(tool, image, tmp_path):
    path = tmp_path / "config.py"
    make_config().dump(path)
    arguments = [image, "x", "--config", str(path), "--out-dir", str(tmp_path / "o")]
    assert tool.main(arguments) == 0


def test_wrong_input_is_one_line_and_2(tool, image, checkpoint, tmp_path, capsys):
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "a.pth").write_text("no weights")
    (tmp_path / "file").write_text("")
    given = ["--checkpoint", checkpoint, "--out-dir", str(tmp_path / "out")]
    for arguments, message in (
        ([str(tmp_path / "b.jpg"), "x", *given], "no picture .*b.jpg"),
        ([str(tmp_path / "a.jpg"), "x", *given], "a.jpg .* is no complete picture"),
        ([str(tmp_path), "x", *given], "is a folder, no picture"),
        ([image, " ", *given], "sentence 1 of 1 is blank"),
        ([image, "x", "--out-dir", str(tmp_path / "out")], "neither config nor check"),
        ([image, "x", *given, "--device", "gpu"], "device is 'gpu'"),
        ([image, "x", *given, "--config", "b.py"], "no config file 'b.py'"),
        ([image, "x", *given, "--checkpoint", "b.pth"], "no checkpoint at b.pth"),
        ([image, "x", *given, "--checkpoint", str(tmp_path / "a.pth")], "a.pth"),
        ([image, "x", *given, "--out-dir", str(tmp_path / "file" / "o")], "--out-dir"),
    ):
        assert tool.main(arguments) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error: ")
        assert re.search(message, line), line
    for arguments, message in (
        ([image], "required: EXPRESSION"),
        (
            [image, "x", "--opacity", "1.5"],
            "argument --opacity: 1.5 is not from 0 to 1",
        ),
        ([image, "x", "--opacity", "a"], "argument --opacity: invalid"),
    ):
        with pytest.raises(SystemExit, match="2"):
            tool.main(arguments)
        assert message in capsys.readouterr().err
