import pytest
import torch
from mmengine.runner import loops
from torch.utils.data import DataLoader, Dataset

from mmris.models.text_encoders.sentence_checks import check_sentences
from mmris.structures import TextFeatures
from mmris.utils.checkpoint import load_checkpoint_file
from mmris.utils.tool_errors import explain, run_tool


def caught(action, *arguments):
    try:
        action(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def in_loop(action, *arguments):
    """Raised out of a loop over batches of MMEngine."""
    source = "def run(action, arguments):\n    action(*arguments)\n"
    scope = {}
    exec(compile(source, loops.__file__, "exec"), scope)
    return caught(scope["run"], action, arguments)


def fail(error):
    raise error


class Broken(Dataset):
    def __init__(self, action):
        self.action = action

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.action(index)


def read_all(action):
    for _ in DataLoader(Broken(action), num_workers=1):
        pass


def missing_file(index):
    load_checkpoint_file(f"{index}.pth")


def a_bug(index):
    return [][index]


def blank_sentence(index):
    check_sentences([" "])


def test_building_errors_are_one_line():
    for error in (ValueError("a\n  b"), KeyError("a\n  b"), RuntimeError("a b")):
        expected = f"{type(error).__name__}: a b (--debug shows where)"
        assert explain(caught(fail, error)) == expected
    assert "KeyError: there is no 'red' (raise error in" in (
        explain(caught(fail, KeyError("red")))
    )
    assert explain(caught(fail, OSError("gone"))) == "gone (--debug shows where)"
    assert "raise error in" in explain(caught(fail, AssertionError()))


def test_deliberate_errors_need_no_hint():
    assert explain(caught(missing_file, 3)).startswith("no checkpoint at 3.pth; ")
    assert explain(in_loop(missing_file, 3)).startswith("no checkpoint at 3.pth; ")
    assert explain(in_loop(blank_sentence, 0)).startswith("sentence 1 of 1 is blank")


def test_bugs_in_training_keep_their_traceback():
    assert explain(in_loop(fail, ValueError("shapes"))) is None
    assert explain(in_loop(a_bug, 0)) is None
    assert explain(caught(fail, AttributeError("x"))) is None
    # Raised by mmris, but about its own modules.
    wrong = (torch.zeros(2, 3), torch.zeros(2), torch.zeros(1))
    assert explain(in_loop(TextFeatures, *wrong)) is None


def test_type_errors_of_hooks():
    """MMEngine catches them and raises others, which end in the hook's name."""

    def call_hook(action):
        try:
            action()
        except TypeError as error:
            raise TypeError(f"{error} in <hook>") from None

    message = "got the string 'a' where a list of sentences belongs; put it into a list"
    assert explain(in_loop(call_hook, lambda: check_sentences("a"))) == message
    assert explain(in_loop(call_hook, lambda: fail(TypeError("bug")))) is None


def test_errors_of_workers():
    line = explain(in_loop(read_all, missing_file))
    assert line == (
        "no checkpoint at 0.pth; correct the path in the option or config key that "
        "names it"
    )
    assert explain(in_loop(read_all, blank_sentence)).startswith("sentence 1 of 1 is")
    assert explain(in_loop(read_all, a_bug)) is None


def test_exit_codes(capsys):
    assert run_tool(lambda: 0, debug=False) == 0
    assert run_tool(lambda: missing_file(1), debug=False) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: no checkpoint at 1.pth")
    assert printed.count("\n") == 1
    assert run_tool(lambda: fail(KeyboardInterrupt()), debug=False) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"


def test_debugging_shows_the_traceback():
    with pytest.raises(FileNotFoundError):
        run_tool(lambda: missing_file(1), debug=True)
    with pytest.raises(KeyboardInterrupt):
        run_tool(lambda: fail(KeyboardInterrupt()), debug=True)
    with pytest.raises(AttributeError):
        run_tool(lambda: fail(AttributeError("x")), debug=False)
