"""What every model must do: train a step, and answer for each expression alone."""

from __future__ import annotations

import torch

from mmris.registry import MODELS
from mmris.structures import TextFeatures
from tests import parts

# Large enough that any weight on it shows.
GARBAGE = 1e4
NUM_TRIES = 3
# Parameters that have no gradient where the neck and the head read one of the two
# alone: those behind the sentence,
OF_THE_SENTENCE = (
    "text_encoder.forward_recurrence",
    "text_encoder.backward_layer",
    "text_encoder.sentence_projection",
)
# and those behind the words.
OF_THE_WORDS = ("text_encoder.word_projection",)
# A sentence of one word, as a batch may have by chance, starts from a state of zeros.
OF_THE_STATE = ("text_encoder.backward_layer.weight_hh_l0",)


def check(model):
    """Hold a model to what must be true of all.

    - A training step: every parameter has a finite gradient, and one that is not zero
      but for the exceptions above, so that each is changed.
    - Prediction at a size that is not square, of two pictures.
    - An expression gets the same answer alone as in a batch with longer ones.
    - What stands in padded words does not matter.
    """
    _train_a_step(model)
    items = [parts.make_item(3), parts.make_item(1, image_id=1)]
    # The shortest of all: most of its words are padding.
    items[1]["data_samples"].expressions = ["circle"]
    together = parts.predict(model, items)
    for sample in together:
        assert sample.seg_logits.data.shape == (len(sample.expressions), 50, 83)
        assert torch.isfinite(sample.seg_logits.data).all()
    _predict_alone(model, items[0], together[0])
    _pad_with_garbage(model, items[1], together[1])


def _train_a_step(model):
    size = (64, 96)
    items = [
        parts.make_item(3, size, masks_at=size),
        parts.make_item(1, size, masks_at=size, image_id=1),
    ]
    read = {name for entry in model.losses for name in entry.reads.values()}
    for name in model.decode_head.aux_names:  # else nothing trains what gives them
        if name in read:
            continue
        entry = {"type": "MaskLoss", "name": f"loss_{name}", "output": name}
        entry["loss"] = {"type": "BinaryCrossEntropyLoss"}
        model.losses.append(MODELS.build(entry))
    model.train()
    data = model.data_preprocessor(parts.collate(items), True)
    _require_gradients(model, data)
    torch.optim.SGD(model.parameters(), lr=0.01).step()


def _require_gradients(model, data):
    unread = None
    for _ in range(NUM_TRIES):
        if unread is not None:  # a unit may be silent by chance: another model
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
        model.zero_grad()
        loss, _ = model.parse_losses(model(**data, mode="loss"))
        assert torch.isfinite(loss)
        loss.backward()
        zero = set()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{name} has no gradient"
            assert torch.isfinite(parameter.grad).all(), f"{name}: gradient not finite"
            if not parameter.grad.any():
                zero.add(name)
        unread = zero if unread is None else unread & zero
        of_sentence = {name for name in unread if name.startswith(OF_THE_SENTENCE)}
        of_words = {name for name in unread if name.startswith(OF_THE_WORDS)}
        if of_words and of_sentence > set(OF_THE_STATE):
            of_words = set()  # one of the two is read
        if unread == of_sentence | of_words:
            return
    raise AssertionError(f"the gradients of {sorted(unread)} are zero")


def _predict_alone(model, item, sample):
    """The second expression of a picture, without the others and the other picture."""
    alone = item["data_samples"].clone()
    alone.expressions = [sample.expressions[1]]
    single = {"inputs": item["inputs"], "data_samples": alone}
    (result,) = parts.predict(model, [single])
    parts.assert_same(result.seg_logits.data[0], sample.seg_logits.data[1])


def _pad_with_garbage(model, item, sample):
    """The one expression of the second picture, alone, with garbage behind its word."""
    data = model.data_preprocessor(parts.collate([item]), False)
    with torch.no_grad():
        # A longer one in the batch, for the padding.
        text = model.text_encoder([*sample.expressions, "the small red circle"])
        assert not text.mask[0].all()
        assert not text.tokens[~text.mask].any()
        tokens = text.tokens.masked_fill(~text.mask[..., None], GARBAGE)
        noisy = TextFeatures(tokens, text.mask, text.sentence).rows(0, 1)
        encoded = model.encode_image(data["inputs"])
        output = model.decode_text(encoded, noisy, torch.tensor([0]))
    parts.assert_same(output.logits[:, 0], sample.head_logits.data)
