"""What several tests of the text encoders need."""

import pytest
from mmengine.logging import MMLogger

from mmris.models.text_encoders import (
    EmbeddingTextEncoder,
    GRUTextEncoder,
    LSTMTextEncoder,
    ProjectedGRUTextEncoder,
)

SENTENCES = ["the red circle left", "blue circle", "the circle above the red square"]

KINDS = {
    "embedding": (EmbeddingTextEncoder, {}),
    "lstm": (LSTMTextEncoder, {"hidden_channels": 6}),
    "lstm_2x2": (
        LSTMTextEncoder,
        {"hidden_channels": 6, "num_layers": 2, "bidirectional": True},
    ),
    "gru": (GRUTextEncoder, {"hidden_channels": 6}),
    "gru_2x2": (
        GRUTextEncoder,
        {"hidden_channels": 6, "num_layers": 2, "bidirectional": True},
    ),
    "projected_gru": (ProjectedGRUTextEncoder, {"hidden_channels": 6, "channels": 24}),
}


def build(kind, **arguments):
    cls, own = KINDS[kind]
    return cls(**{"num_embeddings": 20, "embedding_channels": 5, **own, **arguments})


@pytest.fixture
def make_encoder():
    """Builds a kind of encoder, without words, in training mode."""
    return build


@pytest.fixture(params=list(KINDS))
def encoder(request):
    """Each kind of encoder, with the words of SENTENCES, in evaluation mode."""
    encoder = build(request.param)
    encoder.build_vocabulary(SENTENCES)
    return encoder.eval()


@pytest.fixture
def sentences():
    """What the encoders have their words from."""
    return list(SENTENCES)


@pytest.fixture
def log(caplog):
    """What MMEngine's logger says; it does not propagate."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
