import pytest

from mmris.utils.own_process import run_alone


def write(folder, text):
    program = folder / "program.py"
    program.write_text(text)
    return str(program)


def test_the_last_line_is_the_result(tmp_path):
    program = write(
        tmp_path,
        "import json, sys, mmris.version\n"
        "print('noise')\n"
        "print(json.dumps(sys.argv[1:]))\n",
    )
    assert run_alone(program, ["1", "a b"], what="it", remedy="r") == ["1", "a b"]


def test_a_failure_is_told(tmp_path):
    program = write(tmp_path, "raise SystemExit('no such size')")
    with pytest.raises(RuntimeError, match="case 3 ended with status 1 .*, make it "):
        run_alone(program, [], what="case 3", remedy="make it smaller")
    with pytest.raises(RuntimeError, match="no such size"):
        run_alone(program, [], what="case 3", remedy="make it smaller")
