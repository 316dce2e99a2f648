"""The pages on the systems: the code they show is there, and equations can be shown."""

import ast
import importlib
import re

import pytest

from mmris.models.decode_heads import GatedExchange
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs/en"
PAGES = [DOCS / "concepts.md", *sorted((DOCS / "systems").glob("*.md"))]
SYSTEMS = ("cefnet", "cmpc", "cmsa", "jmceln", "shnet")
SHOWN = re.compile(r"^<!-- source: (\S+):(\S+) -->$", re.MULTILINE)
# A name that is the text of a link to the file of its class or function.
LINKED = re.compile(r"\[`(\w+)`\]\((\S+\.py)\)")


@pytest.fixture
def site(monkeypatch):
    """The folder of the modules that make the site."""
    monkeypatch.syspath_prepend(REPOSITORY / "docs/site")


@pytest.fixture
def sources(site):
    return importlib.import_module("sources")


@pytest.fixture
def equations(site):
    pytest.importorskip("latex2mathml", reason="needs pip install -e '.[docs]'")
    return importlib.import_module("equations")


def name(path):
    return str(path.relative_to(DOCS))


def defined(path):
    """Classes and functions of a file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name


def test_every_system_has_a_page():
    assert tuple(page.stem for page in PAGES[1:]) == SYSTEMS
    for system in SYSTEMS:
        readme = REPOSITORY / f"configs/{system}/README.md"
        assert f"docs/en/systems/{system}.md" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_that_is_shown_is_there(page, sources):
    text = page.read_text(encoding="utf-8")
    shown = SHOWN.findall(text)
    assert len(shown) >= 3
    assert len(shown) == text.count("<!--") == len(sources.DIRECTIVE.findall(text))
    for module, path in shown:
        code = sources.code(sources.named(module, path))
        assert code.lstrip("@").startswith(("def ", "class ", "staticmethod"))
        assert '"""' not in code.partition("\n")[2].partition("\n    return")[0], path
        assert path.rpartition(".")[2] in code.partition("\n")[0]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_names_are_in_the_files_they_lead_to(page):
    links = LINKED.findall(page.read_text(encoding="utf-8"))
    assert len(links) >= 3
    for found, target in links:
        assert found in defined((page.parent / target).resolve()), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_shown_code_is_behind_a_link(page):
    # Where the page is read as a file its code is not seen: a link leads there.
    text = page.read_text(encoding="utf-8")
    for module, _ in SHOWN.findall(text):
        assert f"{module.replace('.', '/')}.py" in text, module


@pytest.mark.parametrize("page", PAGES[1:], ids=name)
def test_equations_can_be_shown(page, equations):
    text = page.read_text(encoding="utf-8")
    own = equations.Equations()
    aside = own.set_aside(text)
    assert "$" not in aside
    shown = own.put_back(aside)
    assert shown.count('display="block"') == text.count("$$") / 2 >= 4
    assert "\\" not in "".join(re.findall(r"<math.*?</math>", shown))


@pytest.mark.parametrize(
    "latex", [r"\nosuchthing x", r"\begin{aligned} a &= b \end{aligned}"]
)
def test_what_cannot_be_shown_is_refused(latex, equations):
    with pytest.raises(ValueError, match="cannot be shown"):
        equations.mathml(latex, display="block")


def test_dollars_in_code_stay(equations):
    own = equations.Equations()
    assert own.set_aside("`cp a $OUT/b $HOME`") == "`cp a $OUT/b $HOME`"
    assert "<mi>x</mi>" in own.put_back(own.set_aside("with $x$ and `$y$`"))


def test_code_is_shown_as_it_is_without_docstring(sources):
    page = "Before\n\n<!-- source: mmris.models.decode_heads:GatedExchange.spec -->\n"
    shown = sources.with_code(page, "..")
    assert "GatedExchange.spec" in shown
    assert (
        "```python\n@property\ndef spec(self) -> FusedSpec:\n"
        "    return self.in_features\n```" in shown
    )
    place = "../reference/mmris_models.md#gatedexchange"
    assert f"[`GatedExchange.spec`]({place})" in shown
    assert sources.address("GatedExchange.forward", "..") == f"{place}forward"
    assert sources.named("mmris.models", "GatedExchange") is GatedExchange
    assert sources.address("RelationReasoning.shares", "..") == (
        "../reference/parts_of_parts.md#relationreasoningshares"
    )
    assert sources.address("nothing", "..") is None


@pytest.mark.parametrize(
    "wrong", ["mmris.models:NoSuchHead", "mmris.nowhere:Head.forward"]
)
def test_code_that_is_not_there_is_refused(wrong, sources):
    with pytest.raises(ValueError, match=f"{wrong}, which is not there"):
        sources.with_code(f"<!-- source: {wrong} -->", ".")
