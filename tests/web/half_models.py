"""Two small models whose masks cover about half of a picture."""

import socket

import numpy as np
import torch
from PIL import Image

from mmris.apis import RefSegInferencer
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint


def free_port():
    """A port that nobody listens at; Gradio takes no 0."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def write_half_models(folder):
    """Checkpoints in folders called first and second, which see the opposite."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((180, 120))
    paths = []
    for name, sign in (("first", 1), ("second", -1)):
        (folder / name).mkdir()
        path, config = folder / name / "iter_7.pth", make_config()
        model = parts.build_model(config.model)
        segment = RefSegInferencer(checkpoint=write_checkpoint(path, config, model))
        words = ["the red circle", "left"]
        logits = segment(picture, words, with_logits=True).logits
        score = model.decode_head.mask_decoder.score
        with torch.no_grad():
            score.bias -= float(np.median(logits))
            score.weight /= float(logits.std())
            score.bias /= float(logits.std())
            score.weight *= sign
            score.bias *= sign
        paths.append(write_checkpoint(path, config, model))
    return paths
