"""The documentation as a site: it builds without a warning and no link is broken."""

import html
import re
import subprocess
import sys

import pytest

from mmris.registry import MODELS
from tests.conftest import REPOSITORY

pytest.importorskip("mkdocs", reason="needs pip install -e '.[docs]'")

# Links to other sites and within a page.
ELSEWHERE = re.compile(r"^(\w+:|#)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--config-file", "docs/mkdocs.yml", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_page_of_the_table_is_in_the_menu(site):
    table = (REPOSITORY / "docs/en/README.md").read_text(encoding="utf-8")
    start = (site / "index.html").read_text(encoding="utf-8")
    rows = r"^\| \[.+?\]\((.+?)\.(?:md|ipynb)\)"
    pages = re.findall(rows, table, flags=re.MULTILINE)
    assert len(pages) > 10
    for page in pages:
        assert f'href="{page}/"' in start


@pytest.mark.slow
def test_no_link_is_broken(site):
    count = 0
    for path in site.rglob("*.html"):
        if path.name == "404.html":
            continue
        for link in re.findall(
            r'(?:href|src)="([^"]+)"', path.read_text(encoding="utf-8")
        ):
            if ELSEWHERE.match(link):
                continue
            target, _, anchor = html.unescape(link).partition("#")
            found = (path.parent / target).resolve()
            found = found / "index.html" if found.is_dir() else found
            assert found.is_file(), (path, link)
            if anchor:
                assert f'id="{anchor}"' in found.read_text(encoding="utf-8"), (
                    path,
                    link,
                )
            count += 1
    assert count > 500


@pytest.mark.slow
def test_the_reference_shows_equations(site):
    """Within a line, over the end of one, and several on lines of their own."""
    page = (site / "reference/mmris_models/index.html").read_text(encoding="utf-8")
    assert "math:" not in page
    assert not re.search(r"equation\d+here", page)
    assert page.count("<math") > 100
    assert page.count('display="block"') > 20
    start = page.index('id="gatedexchange"')
    gates = page[start : page.index("<h2", start)]
    assert gates.count('display="block"') >= 2


@pytest.mark.slow
def test_the_reference_has_every_part(site):
    page = (site / "reference/configuration/index.html").read_text(encoding="utf-8")
    MODELS.import_from_location()
    own = [
        name
        for name, cls in MODELS.module_dict.items()
        if cls.__module__.startswith("mmris.")
    ]
    assert len(own) > 50
    for name in own:
        assert f'id="{name.lower()}"' in page, name
