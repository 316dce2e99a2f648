"""Figures of the pages: readable anywhere, and nothing lies on their words."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs/en"
FIGURES = sorted((DOCS / "images").rglob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
# Width of a character of Arial or Helvetica as a share of the size, on average.
PLAIN, BOLD = 0.5, 0.56


def name(path):
    return str(path.relative_to(DOCS))


@pytest.fixture(params=FIGURES, ids=name)
def figure(request):
    return Figure(request.param.read_text(encoding="utf-8"))


class Figure:
    """What the tests look at; all coordinates are those of the view box."""

    def __init__(self, source):
        self.source = source
        self.root = ElementTree.fromstring(source)
        self.style = self.root.find(f"{SVG}style").text
        left, top, width, height = map(float, self.root.get("viewBox").split())
        self.frame = (left, top, left + width, top + height)

    def rule(self, cls, key):
        found = re.search(rf"\.{cls} {{[^}}]*?{key}: ([^;]+);", self.style)
        return found and found[1]

    def texts(self):
        """Content and box, (left, top, right, bottom), of every text."""
        for text in self.root.iter(f"{SVG}text"):
            cls = text.get("class")
            size = float(self.rule(cls, "font-size").removesuffix("px"))
            share = BOLD if self.rule(cls, "font-weight") else PLAIN
            width = len(text.text) * size * share
            x, y = float(text.get("x")), float(text.get("y"))
            anchor = self.rule(cls, "text-anchor")
            left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            yield text.text, (left, y - 0.75 * size, left + width, y + 0.2 * size)

    def boxes(self):
        for rect in self.root.iter(f"{SVG}rect"):
            x, y, width, height = (
                float(rect.get(key)) for key in ("x", "y", "width", "height")
            )
            yield x, y, x + width, y + height

    def segments(self):
        """Both ends of every straight part of every arrow and line."""
        for path in self.root.iter(f"{SVG}path"):
            if set((path.get("class") or "").split()) & {"arrow", "line"}:
                points = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d"))
                assert len(points) > 1, path.get("d")
                yield from pairwise([(float(x), float(y)) for x, y in points])


def overlap(one, other):
    return (
        min(one[2], other[2]) > max(one[0], other[0])
        and min(one[3], other[3]) > max(one[1], other[1])
    )  # fmt: skip


def test_there_are_figures():
    names = {path.stem for path in FIGURES}
    assert names >= {"concepts", "cmsa", "cmpc", "cefnet", "shnet", "jmceln"}


def test_says_what_it_shows(figure):
    root = figure.root
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = list(root)[:2]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert len(title.text) > 10
    assert len(description.text) > 100
    assert root.get("aria-labelledby").split() == [
        title.get("id"),
        description.get("id"),
    ]


def test_needs_nothing_else(figure):
    tags = {element.tag.removeprefix(SVG) for element in figure.root.iter()}
    assert tags <= {
        *("svg", "title", "desc", "style", "defs", "marker", "g"),
        *("path", "rect", "circle", "text"),
    }
    assert "href" not in figure.source
    assert "@import" not in figure.style
    assert all(
        target.startswith("#tip")
        for target in re.findall(r"url\(([^)]+)", figure.source)
    )
    assert not re.search(r"\son\w+=", figure.source)
    fonts = re.findall(r"font-family: ([^;]+);", figure.style)
    assert fonts
    assert all(font.endswith(" sans-serif") for font in fonts)


def test_stands_on_a_ground_of_its_own(figure):
    # So that it reads the same on a white page and on a dark one.
    ground = figure.root.find(f"{SVG}rect")
    assert ground.get("class") == "paper"
    assert figure.rule("paper", "fill") == "#ffffff"
    left, top, right, bottom = next(figure.boxes())
    for own, whole in zip((left, top, right, bottom), figure.frame):
        assert abs(own - whole) <= 1


def test_text_stays_where_it_belongs(figure):
    boxes = list(figure.boxes())
    for text, (left, top, right, bottom) in figure.texts():
        middle = (left + right) / 2, (top + bottom) / 2
        around = [
            box
            for box in boxes
            if box[0] < middle[0] < box[2] and box[1] < middle[1] < box[3]
        ]
        inner = min(around, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
        assert inner[0] + 3 <= left, text
        assert right <= inner[2] - 3, text
        assert inner[1] + 2 <= top, text
        assert bottom <= inner[3] - 2, text


def test_nothing_lies_on_text(figure):
    texts = list(figure.texts())
    for (one, first), (other, second) in combinations(texts, 2):
        assert not overlap(first, second), (one, other)
    for text, box in texts:
        for (x0, y0), (x1, y1) in figure.segments():
            assert x0 == x1 or y0 == y1, (x0, y0, x1, y1)
            line = min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1
            assert not overlap(box, line), (text, line)


def test_each_is_on_a_page():
    shown = set()
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+\.svg)\)", text):
            assert len(words) > 10, target
            shown.add((page.parent / target).resolve())
    assert set(FIGURES) == shown
