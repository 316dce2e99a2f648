"""The script that completes words, run by the shells it is for."""

import shutil
import subprocess

import pytest

from mmris.cli import completion, segment
from mmris.utils.model_index import IndexedModel, Weights

BASH = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_mmris
echo "${{COMPREPLY[@]}}"
"""
OFFERED = [
    ("mmris se", "segment"),
    ("mmris ''", "segment train test models completion"),
    ("mmris segment --mod", "--model"),
    ("mmris segment photo.jpg 'x y' --save cut", "cutout"),
    ("mmris segment photo.jpg 'x y' --save mask cut", "cutout"),
    ("mmris segment photo.jpg 'x y' --save mask --out-dir cut", ""),
    ("mmris segment --model s", "shnet_tiny"),
    ("mmris segment --model = s", "shnet_tiny"),
    ("mmris train --dataset refcocog_", "refcocog_google refcocog_hub"),
    ("mmris train config.py --tracker w", "wandb"),
    ("mmris train config.py --local", ""),
    ("mmris test --laun", "--launcher"),
    ("mmris models --method cef", ""),
    ("mmris models --method CE", "CEFNet"),
    ("mmris completion z", "zsh"),
    ("mmris segment phot", ""),
]


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    weights = Weights("weights/a", "0" * 64)
    models = [
        IndexedModel("cmsa_tiny", "CMSA", None, (), None),
        IndexedModel("shnet_tiny", "SHNet", None, (), weights),
        IndexedModel("cefnet_tiny", "CEFNet", None, (), None),
    ]
    folder = tmp_path_factory.mktemp("completion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmris.utils.model_index.read_model_index", lambda: models)
        for shell in completion.SHELLS:
            (folder / shell).write_text(completion.script(shell))
    return folder


@pytest.mark.parametrize(("words", "offered"), OFFERED)
def test_bash(script, words, offered):
    program = BASH.format(script=script / "bash", words=words)
    answer = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == offered
    assert answer.stderr == ""


def test_zsh(script):
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    program = f'source {script / "zsh"}; echo "${{_comps[mmris]}}"'
    answer = subprocess.run(
        ["zsh", "-f", "-c", program], capture_output=True, text=True, check=True
    )
    assert "_bash_complete" in answer.stdout
    assert "_mmris" in answer.stdout


def test_the_command_prints_it(script, capsys, monkeypatch):
    monkeypatch.setattr(completion, "script", lambda shell: f"for {shell}\n")
    assert completion.main(["zsh"]) == 0
    assert capsys.readouterr().out == "for zsh\n"


def test_forms_are_those_that_can_be_written():
    from mmris.apis import result_files  # noqa: PLC0415  # heavy

    assert segment.FORMS == result_files.FORMS
