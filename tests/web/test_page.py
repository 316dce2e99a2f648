"""The page in a real browser: headless Chromium, driven by Selenium.

``pytest -m browser tests/web/test_page.py`` with the extra ``web``, selenium, and
Debian's chromium and chromium-driver.
"""

import base64
import io
import os
import shutil
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.web.half_models import free_port, write_half_models

pytest.importorskip("gradio", reason="needs pip install 'mmris[web]'")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

PATIENCE = 120  # seconds, on a busy machine
WORDS = "the red circle\nleft"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with two models whose masks cover about half of a picture."""
    folder = tmp_path_factory.mktemp("page")
    checkpoints = write_half_models(folder)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "tools/web_demo.py", "--port", free_port()),
                *("--checkpoint", *map(str, checkpoints)),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        line = server.stdout.readline()
        while line and not line.startswith("serving "):
            line = server.stdout.readline()
        assert line, (folder / "log").read_text()[-3000:]
        yield line.rsplit(" ", 1)[1].strip()
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def browser(address, tmp_path):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1300,900")
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(tmp_path / "downloads")}
    )
    (tmp_path / "downloads").mkdir()
    service = webdriver.ChromeService(driver)
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.get(address)
        wait(browser, "#picture input[type=file]")
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def photograph(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((180, 120)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def wait(browser, what):
    """The element of a CSS selector, or what a function gives, once it is there."""
    if isinstance(what, str):
        selector = what

        def what(browser):
            return browser.find_elements(By.CSS_SELECTOR, selector)

        return WebDriverWait(browser, PATIENCE).until(what)[0]
    return WebDriverWait(browser, PATIENCE).until(what)


def send(browser, path, words):
    browser.find_element(By.CSS_SELECTOR, "#picture input[type=file]").send_keys(
        str(path)
    )
    wait(browser, "#picture [data-testid=image] img")
    field = browser.find_element(By.CSS_SELECTOR, "#text textarea")
    field.clear()
    field.send_keys(words)
    time.sleep(1)  # the page tells its server what was typed
    browser.find_element(By.ID, "find").click()


def shown(browser, number=1):
    """Pixels of a result."""
    image = wait(browser, f"#overlay-{number} img")
    wait(browser, lambda _: image.get_property("naturalWidth"))
    data = browser.execute_script(
        "const i = arguments[0], c = document.createElement('canvas');"
        "c.width = i.naturalWidth; c.height = i.naturalHeight;"
        "c.getContext('2d').drawImage(i, 0, 0); return c.toDataURL('image/png');",
        image,
    )
    content = base64.b64decode(data.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def notes(browser, number=1):
    found = browser.find_elements(By.CSS_SELECTOR, f"#legend-{number} .note")
    return [note.text for note in found]


def changed(browser, before, number=1):
    """Pixels of a result once they are others than before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        now = shown(browser, number)
        if now.shape != before.shape or (now != before).any():
            return now
        time.sleep(0.5)
    raise AssertionError("the result did not change")


@pytest.mark.browser
def test_from_a_picture_to_a_mask_on_disk(browser, photograph, tmp_path):
    send(browser, photograph, WORDS)
    first = shown(browser)
    assert first.shape == (427, 640, 3)
    words = browser.find_elements(By.CSS_SELECTOR, "#legend-1 .words")
    assert [word.text for word in words] == WORDS.splitlines()
    before = notes(browser)
    assert all("% sure" in note for note in before)

    # The slider moves: another mask, and no model is asked.
    slider = browser.find_element(By.CSS_SELECTOR, "#threshold input[type=range]")
    slider.send_keys(Keys.END)
    second = changed(browser, first)
    wait(browser, lambda _: notes(browser) != before)
    share = [float(n.split()[-4]) if "sure" in n else 0.0 for n in notes(browser)]
    assert share < [float(note.split()[-4]) for note in before]
    slider.send_keys(Keys.HOME)
    third = changed(browser, second)

    # The mask on the disk is the one that is seen.
    wait(browser, lambda _: [n for n in notes(browser) if "sure" in n])
    time.sleep(2)
    wait(browser, "#download-1").click()
    downloads = tmp_path / "downloads"
    wait(browser, lambda _: list(downloads.glob("*.zip")))
    with zipfile.ZipFile(next(downloads.glob("*.zip"))) as archive:
        assert archive.namelist() == ["the-red-circle.png", "left.png"]
        mask = np.asarray(Image.open(io.BytesIO(archive.read("left.png"))))
    assert mask.shape == (120, 180)
    assert set(np.unique(mask)) <= {0, 255}
    shares = [float(note.split()[-4]) for note in notes(browser)]
    assert 100 * (mask > 0).mean() == pytest.approx(shares[1], abs=0.06)

    # Other views of the same answer.
    for name in ("Heat map", "Cut-out"):
        label = f"//*[@id='view']//label[contains(., '{name}')]"
        browser.find_element(By.XPATH, label).click()
        third = changed(browser, third)


def choose(browser, element, label):
    """Choose from a drop-down list, which must offer it."""
    wait(browser, f"#{element} input").click()
    wait(browser, f"#{element} [role=option][aria-label='{label}']").click()


def show_heat_maps(browser):
    browser.find_element(
        By.XPATH, "//*[@id='view']//label[contains(., 'Heat')]"
    ).click()


@pytest.mark.browser
def test_heat_maps_of_what_the_model_offers(browser, photograph):
    send(browser, photograph, WORDS)
    masks = shown(browser)
    assert not browser.find_element(By.ID, "kind-1").is_displayed()
    show_heat_maps(browser)
    probability = changed(browser, masks)
    wait(browser, lambda b: b.find_element(By.ID, "kind-1").is_displayed())
    wait(browser, "#kind-1 input").click()
    wait(browser, "#kind-1 [role=option]")
    offered = browser.find_elements(By.CSS_SELECTOR, "#kind-1 [role=option]")
    assert [option.get_attribute("aria-label") for option in offered] == [
        "Probability, all expressions",
        "Probability",
        "Grad-CAM of the fused features",
    ]
    offered[2].click()
    first = changed(browser, probability)
    scale = wait(browser, "#legend-1 .scale").text
    assert "relevance" in scale
    assert "how much the features of a place speak for the mask" in scale.lower()
    # Of the other expression, another one.
    choose(browser, "expression-1", "2. left")
    changed(browser, first)
    assert not browser.find_elements(By.CSS_SELECTOR, ".toast-body.error")


@pytest.mark.browser
def test_no_picture_is_refused_politely(browser, tmp_path, photograph):
    (tmp_path / "fake.jpg").write_text("no picture at all")
    send(browser, tmp_path / "fake.jpg", "left")
    message = "This file is not a picture that can be read."
    wait(browser, lambda b: message in b.find_element(By.TAG_NAME, "body").text)
    assert not browser.find_elements(By.CSS_SELECTOR, "#overlay-1 img")
    assert "Traceback" not in browser.page_source
    # And the page goes on working.
    browser.refresh()
    wait(browser, "#picture input[type=file]")
    send(browser, photograph, "left")
    assert shown(browser).shape == (427, 640, 3)


@pytest.mark.browser
def test_two_models_side_by_side_on_an_example(browser):
    wait(browser, "#compare input").click()
    wait(browser, "#compare [role=option][aria-label=second]").click()
    time.sleep(1)
    wait(browser, "#examples .thumbnail-item").click()
    first, second = shown(browser, 1), shown(browser, 2)
    assert first.shape == second.shape
    assert (first != second).any()
    assert browser.find_element(By.CSS_SELECTOR, "#legend-2 h3").text == "second"
    left = browser.find_element(By.ID, "result-1").location
    right = browser.find_element(By.ID, "result-2").location
    assert left["y"] == right["y"]
    assert left["x"] < right["x"]


@pytest.mark.browser
def test_a_narrow_window_needs_no_sideways_scrolling(browser):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    time.sleep(1)
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390
