"""State dicts and parameter counts are what tests/golden has; see its docstring."""

import pytest

from tests import golden

REMEDY = "on purpose? python -m tests.golden"


def name(path):
    return path.stem


def counts():
    lines = golden.PARAMETERS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines)
    return {stem: int(count.replace(",", "")) for stem, count in pairs}


def test_each_config_and_no_other_is_pinned():
    assert list(counts()) == [path.stem for path in golden.CONFIGS], REMEDY
    files = {file.stem for file in golden.FOLDER.glob("*.txt")} - {"parameters"}
    assert files == {path.stem for path in golden.PRIMITIVES}, REMEDY


@pytest.mark.parametrize("path", golden.CONFIGS, ids=name)
def test_number_of_parameters(path):
    assert golden.number_of_parameters(path) == counts()[path.stem], REMEDY


@pytest.mark.parametrize("path", golden.PRIMITIVES, ids=name)
def test_names_and_shapes_of_the_state_dict(path):
    file = golden.FOLDER / f"{path.stem}.txt"
    assert golden.state_dict_text(path) == file.read_text(encoding="utf-8"), REMEDY


def test_numbers_that_the_papers_and_their_code_imply():
    resnet, words = 42_500_160, 12112 * 300
    found = counts()
    shnet = found["shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320"] - resnet - words
    assert shnet == pytest.approx(51.2e6, abs=0.05e6)
    released = found["shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320"]
    assert released - resnet - words == pytest.approx(59.8e6, abs=0.05e6)
    # One peephole a channel instead of one a position, 2.4 million fewer.
    cmpc = found["cmpc_r101-lstm_1xb1-800k_refcoco-320"] - resnet
    assert cmpc == pytest.approx(105.4e6 - 2.4e6, abs=0.05e6)


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        ([(0,), (1,), (2,)], ["a.{0-2}.b"]),
        ([(0,), (2,)], ["a.{0,2}.b"]),
        ([(4,)], ["a.4.b"]),
    ],
)
def test_names_that_differ_in_a_number_are_one_line(names, lines):
    assert golden.lines_of("a.#.b", names) == lines


def test_combinations_that_are_missing_are_not_claimed():
    pattern, names = "a.#.b.#", [(0, 0), (0, 1), (1, 0)]
    assert golden.lines_of(pattern, names) == ["a.0.b.{0-1}", "a.1.b.0"]
    assert golden.lines_of(pattern, [*names, (1, 1)]) == ["a.{0-1}.b.{0-1}"]
