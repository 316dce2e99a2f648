import pytest
from mmengine.config import Config

from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CONFIG = str(REPOSITORY / "configs/cmpc/cmpc_tiny_shapes.py")


@pytest.fixture(scope="module")
def program():
    return load_tool("analysis_tools/measure_parts")


def test_every_part_has_its_row(program, capsys):
    arguments = [CONFIG, "--words", "7", "--expressions", "3", "--repeats", "1"]
    program.main(arguments)
    _, _, image, neck, head = capsys.readouterr().out.splitlines()
    assert image.startswith("| backbone and image part of the neck | ")
    assert neck.startswith("| expression part of the neck | ")
    assert head.startswith("| decode head | ")


def test_the_tensors_of_a_part_are_seen(program):
    arguments = [CONFIG, "--words", "7", "--expressions", "3", "--repeats", "1"]
    image, neck, _ = program.measure_parts(program.parse_args(arguments))
    # One picture of 96 x 96, whose stem has 32 channels at half of that.
    assert image.largest == (1, 32, 48, 48)
    assert image.largest_megabytes == pytest.approx(4 * 32 * 48 * 48 / 1e6)
    # 144 positions at 96 channels, for each of the 3 expressions: more than 144 x 144.
    assert neck.largest_megabytes < 4 * 3 * 5 * 96 * 96 / 1e6


def test_a_config_that_does_not_say_the_input_size_is_refused(program):
    config = Config({"test_dataloader": {"dataset": {"pipeline": [{"type": "Load"}]}}})
    with pytest.raises(ValueError, match="no RefResize, which says the input size"):
        program.input_size(config)
