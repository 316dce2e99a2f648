import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from mmris.datasets.masks import encode_mask
from mmris.evaluation import open_annotations, read_ground_truth
from mmris.evaluation.report import style
from mmris.evaluation.report.charts import histogram, reach_of
from mmris.evaluation.report.labels import breakdown_title, group_label
from tests.load_tool import load_tool

VOID = {"meta", "img", "br", "path", "rect"}
TAGS = set(
    re.findall(
        r"\w+",
        """
    html head meta title style body header footer main nav section div p h1 h2 h3 a span
    b i s q small br table tr th td dl dt dd details summary figure figcaption img svg
    path rect text
        """,
    )
)
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)> " onload="x'


class Page(HTMLParser):
    """Checks nesting and collects what a browser would load."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.text, self.tags, self.attributes = [], [], [], []
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.attributes if name == tag]

    @property
    def pictures(self):
        codes = [image["src"].partition(",")[2] for image in self.all("img")]
        return [
            cv2.imdecode(np.frombuffer(base64.b64decode(code), np.uint8), 1)
            for code in codes
        ]


@pytest.fixture(scope="module")
def report_tool():
    return load_tool("analysis_tools/report")


@pytest.fixture(scope="module")
def paths(scenes, report_tool):
    one, two = (scenes.folder / name for name in ("one.html", "two.html"))
    words = [str(scenes.folder / "first.jsonl"), str(scenes.config), "--cases", "3"]
    assert report_tool.main([*words, "--out", str(one)]) == 0
    compare = ["--compare", str(scenes.folder / "second.jsonl")]
    assert report_tool.main([*words, *compare, "--out", str(two)]) == 0
    return one, two


@pytest.fixture(scope="module")
def reports(paths):
    return [Page(path) for path in paths]


def check_alone(page):
    """Nothing is loaded from elsewhere, and nothing runs."""
    assert set(page.tags) <= TAGS
    for tag, attributes in page.attributes:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name == "src":
                assert value.startswith("data:image/jpeg;base64,")
            elif name == "href":
                assert value.startswith("#")
    rules = page.source.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|//", rules)
    assert "://" not in page.source.replace("data:image", "")
    (policy,) = [
        meta["content"]
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_pages_load_and_run_nothing(reports):
    for page in reports:
        check_alone(page)
        assert page.all("img")


def test_pages_can_be_read_without_seeing_them(reports):
    for page in reports:
        assert page.all("html") == [{"lang": "en"}]
        assert all(image["alt"].strip() for image in page.all("img"))
        assert all(chart["aria-label"] for chart in page.all("svg"))
        assert page.tags.count("h1") == page.tags.count("title") == 1
        ids = [entry["id"] for _, entry in page.attributes if "id" in entry]
        assert len(set(ids)) == len(ids)
        links = {link["href"][1:] for link in page.all("a")}
        assert links == {entry["id"] for entry in page.all("section")}
        assert {entry["aria-labelledby"] for entry in page.all("section")} <= set(ids)
        rows = page.tags.count("tr")
        assert sum("scope" in cell for cell in page.all("th")) >= rows


def contrast(first, second):
    """Of two colors, as WCAG 2 defines it."""

    def luminance(color):
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in parts
        ]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_colors_of_text_can_be_read():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    colors = (style.FIRST_COLOR, style.SECOND_COLOR, style.TEXT_COLOR, style.NOTE_COLOR)
    for color in colors:
        for background in style.BACKGROUNDS:
            assert contrast(color, background) > 4.5
    # No other color is given to text.
    given = set(re.findall(r"[{; ]color: ([^;]+);", style.STYLE))
    assert given == {"var(--text)", "var(--note)", "var(--first)", "var(--second)"}


def test_pictures_can_be_read(reports):
    for page, panels in zip(reports, (3, 4), strict=True):
        assert len(page.pictures) == 9 * panels
        for picture, image in zip(page.pictures, page.all("img"), strict=True):
            # 70 x 60 pixels, enlarged to a longer side of 320.
            assert picture.shape == (320, 274, 3)
            assert (image["width"], image["height"]) == ("274", "320")


def test_masks_are_drawn_and_the_picture_is_not(reports):
    page = reports[0]
    for label, panels in zip(("best", "worst", "random"), (0, 9, 18), strict=True):
        picture, predicted, truth = page.pictures[panels : panels + 3]
        assert label in page.source
        assert np.abs(picture.astype(int) - truth).max() > 60
        assert page.all("img")[panels + 2]["alt"] == "the true mask"
        assert picture.shape == predicted.shape


def test_a_report_has_scores_charts_and_galleries(reports, scenes):
    text = "\n".join(reports[0].text)
    assert f"{scenes.scores['mIoU']:.2f}" in text
    for heading in ("Scores", "mIoU by size of the object", "The best", "The worst"):
        assert heading in text
    assert "At random" in text
    assert reports[0].tags.count("svg") == 1
    assert len([x for x in reports[0].all("table") if x["class"] == "bars"]) == 5
    assert reports[0].tags.count("figure") == 9
    assert "SHA-256 of the checkpoint" in text
    assert "{" not in text.partition("</style>")[2]
    scores = [float(x) for x in re.findall(r"prediction: IoU ([\d.]+) %", text)]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert min(scores[:3]) >= max(scores[3:6])


def test_bars_have_the_lengths_of_their_values(reports, scenes):
    page = reports[0]
    rows = re.findall(
        r"<small>(\d+)</small></th>.*?width:([\d.]+)%.*?left:([\d.]+)%;width:([\d.]+)%"
        r'.*?<span class="first">([\d.]+)<',
        page.source,
    )
    assert len(rows) > 10
    for _, length, left, width, value in rows:
        assert length == value
        assert float(left) - 0.1 <= float(value) <= float(left) + float(width) + 0.1
    for group in ("size_small", "words_3", "attribute"):
        assert f">{scenes.scores[f'mIoU_{group}']:.1f}<" in page.source
    sentences = sum(int(row[0]) for row in rows[:4])
    assert f"{sentences} sentences of 7 images" in page.source


def test_a_comparison_has_differences_and_what_changed(reports):
    text = "\n".join(reports[1].text)
    for heading in ("points", "Gained most", "Lost most", "random exchanges"):
        assert heading in text
    figures = text.partition("Gained most")[2]
    figures = figures[figures.index("first: IoU") :]
    before = re.search(r"first: IoU ([\d.]+) %", figures)
    after = re.search(r"second: IoU ([\d.]+) %", figures)
    assert float(after[1]) > float(before[1])
    assert reports[1].tags.count("figure") == 9


def own_list(folder, sentences, **fields):
    """A list of one's own with a picture, and predictions that are right."""
    picture = np.full((40, 60, 3), 90, np.uint8)
    cv2.imwrite(str(folder / "p.png"), picture)
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:50] = True
    encoding = encode_mask(mask)
    entries = [
        {
            "image": "p.png",
            "mask": encoding,
            "sentences": [text],
            "sent_ids": [k],
            **fields,
        }
        for k, text in enumerate(sentences)
    ]
    (folder / "own.json").write_text(json.dumps(entries))
    results = [{"sent_id": k, "segmentation": encoding} for k in range(len(sentences))]
    return folder / "own.json", results


def test_nothing_of_strangers_becomes_html(tmp_path, report_tool):
    """Sentences, categories and names of files that would run in a browser."""
    annotations, results = own_list(
        tmp_path,
        [HOSTILE, "\ud83d\ude00 \u202e cup", "W" * 400],
        category=HOSTILE,
        kind=HOSTILE,
    )
    predictions = tmp_path / '<img src=x onerror=alert(3)> "&.json'
    predictions.write_text(json.dumps(results))
    other = tmp_path / "b.json"
    other.write_text(json.dumps(results))
    for more in ([], ["--compare", str(other)]):
        out = tmp_path / "report.html"
        words = [str(predictions), str(annotations), "--out", str(out), *more]
        words += ["--breakdown", "category", "kind"]
        assert report_tool.main(words) == 0
        page = Page(out)
        check_alone(page)
        text = "".join(page.text)
        assert text.count(HOSTILE) >= 3
        assert "<img src=x onerror=alert(3)>" in text
        assert "W" * 400 in text


def test_headers_of_strangers_become_text(scenes, tmp_path, report_tool):
    lines = (scenes.folder / "first.jsonl").read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    header.update(config=HOSTILE, split=HOSTILE, dataset={HOSTILE: [HOSTILE]})
    header["soft_scores"] = None
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(header) + "\n" + "".join(lines[1:]))
    out = tmp_path / "report.html"
    words = [str(path), str(scenes.config), "--split", "val", "--cases", "1"]
    assert report_tool.main([*words, "--out", str(out)]) == 0
    check_alone(Page(out))


def test_pictures_that_are_gone_are_said_to_be(tmp_path, report_tool, capsys):
    annotations, results = own_list(tmp_path, ["the cup"])
    (tmp_path / "a.json").write_text(json.dumps(results))
    words = [str(tmp_path / "a.json"), str(annotations)]
    words += ["--out", str(tmp_path / "report.html")]
    assert report_tool.main(words) == 0
    assert "not where the" not in (tmp_path / "report.html").read_text()
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((20, 30, 3), np.uint8))
    # The list takes sizes from the pictures, and so notices by itself.
    assert report_tool.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_photographs_and_names_of_categories(test_data, tmp_path, report_tool):
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
    assert report_tool.main(words) == 0
    page = Page(out)
    text = "\n".join(page.text)
    assert "person" in text
    assert "100.00" in text
    assert page.pictures[0].std(axis=(0, 1)).min() > 20  # no grey stand-in

    # The same annotations without their pictures.
    copy = tmp_path / "refcoco"
    shutil.copytree(folder, copy)
    words[1] = str(copy)
    assert report_tool.main(words) == 0
    page = Page(out)
    assert "pictures are not where the annotations say" in page.source
    assert page.pictures[0].std(axis=(0, 1)).max() == 0


def test_runs_of_one_name_are_told_apart(report_tool):
    names = report_tool.run_names
    assert names(["a/first.jsonl", "a/second.jsonl"]) == ["first", "second"]
    assert names(["a/p.jsonl", "b/p.jsonl"]) == ["a/p", "b/p"]
    long = names(["x/a/p.jsonl", "y/a/p.jsonl"])
    assert [name[-12:] for name in long] == ["/x/a/p.jsonl", "/y/a/p.jsonl"]
    assert names(["p.jsonl", "p.jsonl"]) == ["p (1)", "p (2)"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--cases", "-1"], "error: --cases -1: give the number of sentences to show"),
        (["--out", "report.pdf"], "error: --out report.pdf: a report is HTML; give"),
        (["--breakdown", "length"], "error: --breakdown has 'length'; choose from"),
        (["--compare", "gone.jsonl"], "error: no file of predictions 'gone.jsonl'"),
    ],
)
def test_wrong_use_is_one_line(report_tool, scenes, capsys, tmp_path, more, message):
    words = [str(scenes.folder / "first.jsonl"), str(scenes.config)]
    words += ["--out", str(tmp_path / "r.html")]
    assert report_tool.main([*words, *more]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(message)
    assert printed.count("\n") == 1


def test_a_report_without_cases_or_groups(report_tool, scenes, tmp_path):
    out = tmp_path / "new folder" / "r.html"
    words = [str(scenes.folder / "first.jsonl"), str(scenes.config)]
    words += ["--out", str(out), "--cases", "0", "--breakdown"]
    assert report_tool.main(words) == 0
    page = Page(out)
    assert "None." in page.text
    assert "Groups of sentences" not in page.source


def test_labels():
    assert breakdown_title("size") == "size of the object"
    assert breakdown_title("of_a_user") == "of_a_user"
    names = {3: "cup"}
    for label, breakdown, expected in [
        ("size_small", "size", "small"),
        ("size_none", "size", "no object"),
        ("words_1-2", "words_refcoco", "1-2"),
        ("words_11+", "words_refcocog", "11+"),
        ("share_0-1", "share", "0-1 %"),
        ("category_3", "category", "cup"),
        ("category_4", "category", "4"),
        ("category_several", "category", "several"),
        ("no_location_words", "location", "none"),
        ("distractors_2-3", "distractors", "2-3"),
        ("place", "kind", "place"),
        ("of_a_user_7", "of_a_user", "a_user_7"),
    ]:
        assert group_label(label, breakdown, names) == expected


def test_histograms_count_every_sentence():
    values = np.array([0.0, 0.01, 0.5, 1.0, 1.0, 1.0])
    chart = histogram([values], caption="IoU")
    heights = [float(x) for x in re.findall(r'height="([\d.]+)"/>', chart)]
    assert len(heights) == 20
    assert heights[0] / heights[-1] == pytest.approx(2 / 3, abs=0.01)
    assert heights[10] / heights[-1] == pytest.approx(1 / 3, abs=0.01)
    assert sum(height > 0 for height in heights) == 3


def test_charts_of_differences_reach_round_numbers():
    from mmris.evaluation import Difference  # noqa: PLC0415

    for low, high, expected in ((-0.3, 0.9, 1), (-12, 3, 20), (-80, 0, 100), (0, 0, 1)):
        changes = {"mIoU": Difference((low + high) / 2, low, high, 0.5)}
        assert reach_of(changes) == expected


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_shows_the_pages(paths, tmp_path, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    for path in paths:
        picture = tmp_path / f"{path.stem}.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--disable-quic", "--no-first-run", "--hide-scrollbars"]
        command += ["--disable-background-networking", "--disable-component-update"]
        command += ["--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
        command += [f"--window-size={width},1600", f"--screenshot={picture}"]
        subprocess.run(
            [*command, path.as_uri()], check=True, timeout=120, capture_output=True
        )
        pixels = cv2.imread(str(picture))
        assert pixels.shape == (1600, width, 3)
        blue = (pixels == [0x9C, 0x5A, 0x00]).all(-1).sum()
        assert blue > 1000  # bars
        # Nothing is cut off on the right.
        assert (pixels[:, -8:] == pixels[:, -1:]).all()
