import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from mmris.evaluation import open_annotations, read_ground_truth
from tests.load_tool import load_tool

VOID = {"meta", "img", "br", "path", "rect"}


class Page(HTMLParser):
    """Checks nesting and collects what a browser would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded, self.text, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def reports(scenes):
    tool = load_tool("analysis_tools/report")
    one, two = (scenes.folder / name for name in ("one.html", "two.html"))
    words = [str(scenes.folder / "first.jsonl"), str(scenes.config), "--cases", "3"]
    assert tool.main([*words, "--out", str(one)]) == 0
    compare = ["--compare", str(scenes.folder / "second.jsonl")]
    assert tool.main([*words, *compare, "--out", str(two)]) == 0
    return [Page(path.read_text(encoding="utf-8")) for path in (one, two)]


def test_pages_load_nothing_from_elsewhere(reports):
    for page in reports:
        assert page.loaded
        assert all(part.startswith("data:image/jpeg;base64,") for part in page.loaded)
        assert not {"script", "link", "iframe"} & set(page.tags)


def test_pictures_can_be_read(reports):
    for page, panels in zip(reports, (2, 3), strict=True):
        for part in page.loaded:
            content = base64.b64decode(part.partition(",")[2])
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            # 70 x 60 pixels, enlarged to a longer side of 240, in a row with gaps.
            assert picture.shape == (240, panels * 206 + (panels - 1) * 6, 3)


def test_a_report_has_scores_charts_and_galleries(reports, scenes):
    text = "\n".join(reports[0].text)
    assert f"{scenes.scores['mIoU']:.2f}" in text
    for heading in ("Scores", "mIoU by size", "The best", "The worst", "At random"):
        assert heading in text
    assert reports[0].tags.count("svg") == 6
    assert reports[0].tags.count("figure") == 9
    assert "checkpoint_sha256" in text
    scores = [float(x) for x in re.findall(r"I / U ([\d.]+);", text)]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert min(scores[:3]) >= max(scores[3:6])


def test_a_comparison_has_differences_and_what_changed(reports):
    text = "\n".join(reports[1].text)
    for heading in ("difference", "Gained most", "Lost most", "p from"):
        assert heading in text
    before, after = re.search(r"I / U ([\d.]+), then ([\d.]+)", text).groups()
    assert float(after) > float(before)


def test_sentences_are_text_and_not_html(scenes, tmp_path, monkeypatch):
    tool = load_tool("analysis_tools/report")
    original = tool.read_ground_truth
    from mmris.evaluation.report import cases  # noqa: PLC0415

    def hostile(dataset):
        for image in original(dataset):
            for entry in image.sentences:
                object.__setattr__(entry.facts, "text", "<script>alert(1)</script>")
            yield image

    monkeypatch.setattr(cases, "read_ground_truth", hostile)
    out = tmp_path / "report.html"
    words = [str(scenes.folder / "first.jsonl"), str(scenes.config)]
    assert tool.main([*words, "--out", str(out), "--cases", "1"]) == 0
    text = out.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_photographs_and_names_of_categories(test_data, tmp_path):
    folder = test_data / "mini_refcoco" / "refcoco"
    results = [
        {"sent_id": entry.sent_id, "segmentation": entry.encoding}
        for image in read_ground_truth(open_annotations(folder, split="val"))
        for entry in image.sentences
    ]
    (tmp_path / "theirs.json").write_text(json.dumps(results))
    out = tmp_path / "report.html"
    words = [str(tmp_path / "theirs.json"), str(folder), "--split", "val"]
    words += ["--out", str(out), "--cases", "2", "--breakdown", "category"]
    assert load_tool("analysis_tools/report").main(words) == 0
    page = Page(out.read_text(encoding="utf-8"))
    text = "\n".join(page.text)
    assert "person (" in text
    assert "100.00" in text
    content = base64.b64decode(page.loaded[0].partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.std(axis=(0, 1)).min() > 20  # no grey stand-in
