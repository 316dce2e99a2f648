import pytest
from mmengine.registry import DefaultScope

from mmris.registry import MODELS
from mmris.utils.config import load_config
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CONFIG = REPOSITORY / "configs/baseline/baseline_tiny_shapes.py"


@pytest.mark.slow
def test_what_two_processes_send_is_what_they_have_to(capsys):
    tool = load_tool("analysis_tools/measure_communication")
    assert tool.main([str(CONFIG)]) == 0
    cells = capsys.readouterr().out.splitlines()[-1].strip("| ").split(" | ")
    DefaultScope.get_instance("communication", scope_name="mmris")
    model = MODELS.build(load_config(CONFIG).model)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = sum(buffer.nbytes for buffer in model.buffers())
    assert cells[0] == CONFIG.stem
    assert cells[1] == f"{trained / 1e6:.1f}"
    assert cells[2] == f"{4 * trained / 1e6:.1f}"
    assert cells[3] == f"{buffers / 1e6:.1f}"
    # A ring of two: each takes as much as there is; others may use the network, too.
    assert float(cells[4]) >= 4 * trained / 1e6
    assert cells[5:] == [
        f"{2 * 4 * trained * (n - 1) / n / 1e6:.0f}" for n in tool.COMPUTED
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no config is given"),
        ([str(CONFIG), "--processes", "1"], "--processes is 1"),
    ],
)
def test_wrong_use(words, message, capsys):
    assert load_tool("analysis_tools/measure_communication").main(words) == 2
    assert message in capsys.readouterr().err
