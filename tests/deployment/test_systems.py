"""The small models of the five systems as graphs, all ways: ``pytest -m slow``."""

import pytest
import torch
from mmengine.config import Config

from mmris.benchmark.random_case import build_random_model
from mmris.deployment import export_model, onnx_bytes
from mmris.deployment.comparison import check_differences, compare
from mmris.deployment.torch_session import TorchSession
from tests.conftest import REPOSITORY

pytest.importorskip("onnx", reason="needs pip install 'mmris[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'mmris[onnx]'")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="needs pip install 'mmris[onnx]'"
)

SYSTEMS = ("cmsa", "cmpc", "cefnet", "shnet", "jmceln")
# Sizes of each way of export: that of the config; or others, odd ones among them.
SIZES = {
    "fixed": [(96, 96)],
    "any": [(96, 128), (64, 96), (68, 65), (97, 131), (192, 160)],
}

# A program of torch.export knows whether a map has one row; CEFNet's coarsest then has.
SMALLEST = {"cefnet": 65}


@pytest.fixture(scope="module")
def models():
    """Built once each, with random weights."""
    made = {}

    def model_of(system):
        if system not in made:
            path = REPOSITORY / f"configs/{system}/{system}_tiny_shapes.py"
            made[system] = build_random_model(
                Config.fromfile(path), size=(96, 96), device=torch.device("cpu")
            )
        return made[system]

    return model_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "sizes"), [("split", "fixed"), ("whole", "fixed"), ("split", "any")]
)
@pytest.mark.parametrize("system", SYSTEMS)
def test_graphs_are_the_model(models, system, parts, sizes):
    model = models(system)
    chosen = [s for s in SIZES[sizes] if min(s) >= SMALLEST.get(system, 1)]
    graphs = export_model(model, size=chosen[0], parts=parts, any_size=sizes == "any")
    programs = [
        TorchSession(graph.program.module(), graph.inputs, graph.outputs)
        for graph in graphs
    ]
    check_differences(compare(model, programs, chosen))
    sessions = [
        onnxruntime.InferenceSession(
            onnx_bytes(graph), providers=["CPUExecutionProvider"]
        )
        for graph in graphs
    ]
    check_differences(compare(model, sessions, chosen))
