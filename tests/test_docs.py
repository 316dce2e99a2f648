"""Pages say what is true: links lead somewhere, options and files exist."""

import re

import pytest
import yaml

from mmris import __version__
from tests.conftest import REPOSITORY

PAGES = sorted(
    path
    for ending in ("md", "ipynb")
    for path in REPOSITORY.rglob(f"*.{ending}")
    if not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
    and "work_dirs" not in path.parts
)
METAFILES = sorted((REPOSITORY / "configs").glob("*/metafile.yml"))


def name(path):
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    # The page about plug-ins shows the files of a package of its own.
    roots = (REPOSITORY, REPOSITORY / "tests" / "outside_package")
    for path in re.findall(r"(?:configs|tools)/[\w./-]+\.(?:py|sh)", text):
        assert any((root / path).is_file() for root in roots), path


@pytest.mark.parametrize("page", ["get_started", "recipes", "troubleshooting"])
def test_options_of_the_tools_exist(page):
    text = (REPOSITORY / f"docs/en/{page}.md").read_text(encoding="utf-8")
    text = re.sub(r'`pip [^`]*`|"--time=[^"]*"', "", text)
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (REPOSITORY / "tools").rglob("*.py")
    )
    options = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
    assert options
    for option in options:
        # Some tools make an option a split: f"--num-{split}".
        stem = option.rsplit("-", 1)[0]
        assert option in sources or f"{stem}-{{" in sources, option


def test_the_changelog_begins_with_this_version():
    text = (REPOSITORY / "docs/en/notes/changelog.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+), (unreleased|\d{4}-\d\d-\d\d)$", text, re.M)
    assert first[1] == __version__.removesuffix(".dev0")


@pytest.mark.parametrize("path", METAFILES, ids=name)
def test_metafile_readme_and_configs_agree(path):
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    readme = (path.parent / "README.md").read_text(encoding="utf-8")
    listed = {entry["Config"] for entry in entries["Models"]}
    assert listed == {name(config) for config in path.parent.glob("*.py")}
    for entry in entries["Models"]:
        assert entry["Name"] == (REPOSITORY / entry["Config"]).stem
        assert entry["Name"] in readme
        for result in entry["Results"]:
            assert result["Source"] in ("paper", "ours")
            for value in result["Metrics"].values():
                assert str(value) in readme
    for collection in entries["Collections"]:
        assert (REPOSITORY / collection["README"]).is_file()
