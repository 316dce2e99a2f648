"""A step of every small model in bfloat16, which no processor has to have."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmris.registry import DATASETS, MODELS
from tests import golden, parts

SYSTEMS = [path for path in golden.CONFIGS if path.stem.endswith("_tiny_shapes")]


@pytest.mark.parametrize("path", SYSTEMS, ids=lambda path: path.stem)
def test_a_step_in_bfloat16(path):
    config = golden.config_of(path)
    dataset = config.train_dataloader.dataset
    dataset.update(num_images=2, expressions_per_image=2)
    dataset = DATASETS.build(dataset)
    batch = parts.collate([dataset[0], dataset[1]])
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.text_encoder.build_vocabulary(dataset.sentences())
    model.init_weights()
    model.train()
    settings = {**config.optim_wrapper, "type": "MixedPrecisionOptimWrapper"}
    wrapper = build_optim_wrapper(model, settings)
    data = model.data_preprocessor(batch, True)
    full, _ = model.parse_losses(model(**data, mode="loss"))
    with wrapper.optim_context(model):
        loss, _ = model.parse_losses(model(**data, mode="loss"))
    assert loss.item() == pytest.approx(full.item(), rel=0.03)
    assert loss.item() != full.item()
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
