import base64
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from mmris.explanation.page import write_page
from tests.explanation.test_figures import make_explanation


def read(path):
    """The page's text and the data in it."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    return text, json.loads(found[1])


def test_numbers_of_the_page_are_those_of_the_maps(tmp_path):
    explanation = make_explanation()
    write_page(tmp_path / "page.html", [explanation], title="photo")
    _, data = read(tmp_path / "page.html")
    (entry,) = data["explanations"]
    assert [m["name"] for m in entry["maps"]] == list(explanation.maps)
    assert entry["point"] == [12.5 / 40, 33.5 / 60]
    for stored in entry["maps"]:
        original = explanation.maps[stored["name"]]
        cells = np.frombuffer(base64.b64decode(stored["data"]), dtype=np.uint8)
        tops = np.array(stored["tops"])
        values = (cells.reshape(len(tops), -1) / 255 * tops[:, None]).ravel()
        expected = original.values.ravel()
        assert np.abs(values - expected).max() <= 0.003 * max(expected.max(), 1e-9)
        assert stored["words"] == list(original.words)
        if stored["numbers"]:
            np.testing.assert_allclose(
                np.ravel(stored["numbers"]), original.values.ravel(), atol=1e-6
            )
        else:
            assert original.size is not None


def test_maps_of_many_places_are_means(tmp_path):
    explanation = make_explanation()
    values = np.random.default_rng(0).random((48, 48, 80, 80), dtype=np.float32)
    entry = dataclasses.replace(explanation["place_places"], values=values)
    explanation = dataclasses.replace(explanation, maps={entry.name: entry})
    write_page(tmp_path / "page.html", [explanation], title="photo")
    (stored,) = read(tmp_path / "page.html")[1]["explanations"][0]["maps"]
    assert (stored["query_size"], stored["size"]) == ([24, 24], [40, 40])
    cells = np.frombuffer(base64.b64decode(stored["data"]), dtype=np.uint8)
    mean = values[2:4, :2, 4:6, 6:8].mean()
    index, cell = 24, 2 * 40 + 3  # row 1, column 0 looks at row 2, column 3
    found = cells.reshape(576, 1600)[index, cell] / 255 * stored["tops"][index]
    assert found == pytest.approx(mean, rel=0.01)


def test_the_page_is_whole_and_nothing_else_runs_in_it(tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    explanation = dataclasses.replace(make_explanation(), expression=evil)
    write_page(tmp_path / "page.html", [explanation], title=evil)
    text, data = read(tmp_path / "page.html")
    assert data["explanations"][0]["expression"] == evil
    assert text.count("<script") == 2
    assert "<img" not in text
    assert not re.search(r'(src|href)="?(https?:)?//', text)
    script = re.search(r"<script>(.*)</script>", text, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


def test_what_cannot_be_a_page(tmp_path):
    explanation = make_explanation()
    with pytest.raises(ValueError, match=r"page.txt: the page is HTML; give a name"):
        write_page(tmp_path / "page.txt", [explanation], title="photo")
    with pytest.raises(ValueError, match="there is no explanation to show"):
        write_page(tmp_path / "page.html", [], title="photo")
    other = dataclasses.replace(explanation, picture=explanation.picture + 1)
    with pytest.raises(ValueError, match="of different pictures; write a page each"):
        write_page(tmp_path / "page.html", [explanation, other], title="photo")


@pytest.mark.slow
def test_a_browser_shows_it(tmp_path):
    """In a real browser, without network: the table and the words of the maps."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs chromium (apt-get install chromium)")
    explanation = make_explanation()
    write_page(tmp_path / "page.html", [explanation], title="photo")

    def dump(fragment):
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu",
                   "--virtual-time-budget=5000", "--dump-dom",
                   f"--user-data-dir={tmp_path / 'profile'}",
                   f"file://{tmp_path / 'page.html'}{fragment}"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=300, check=True)
        return done.stdout.decode()

    shown = dump("")
    for value in explanation["word_attention/level_0"].values:
        assert f">{100 * value:.1f}</td>" in shown
    shown = dump("#name=word_places/level_0&index=2")
    assert 'aria-pressed="true">circle_1</button>' in shown
    assert "Where each word looks, level 0" in shown
