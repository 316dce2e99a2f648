import pytest

from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CMSA = str(REPOSITORY / "configs/cmsa/cmsa_tiny_shapes.py")


def test_work_and_its_growth(capsys):
    program = load_tool("analysis_tools/count_work")
    assert program.main([CMSA, "--words", "5", "--expressions", "4"]) == 0
    systems, growth = capsys.readouterr().out.split("\n\n")
    cells = [float(cell) for cell in systems.splitlines()[2].split("|")[2:-1]]
    backbone, _, image, expression, head, whole, relative, share = cells[-8:]
    assert whole == pytest.approx(image + expression + head, abs=0.2)
    assert relative == pytest.approx(whole / backbone, abs=0.5)
    assert 0.25 < share < 1  # of four: the image part is shared, the words' is not
    positions, words = (float(cell) for cell in growth.splitlines()[2].split("|")[3:5])
    assert 4 <= positions <= 16  # linear parts and attention between positions
    assert 1 <= words <= 2
    assert program.main([]) == 2
