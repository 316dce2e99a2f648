import pytest
import torch
from torch import nn

from mmris.models.text_encoders import EmbeddingTextEncoder
from mmris.utils import check_fit
from mmris.utils.checkpoint_fit import check_start, compare, state_of


class Model(nn.Module):
    def __init__(self, rows=20):
        super().__init__()
        self.text_encoder = EmbeddingTextEncoder(
            num_embeddings=rows, embedding_channels=3
        )
        self.conv = nn.Conv2d(3, 2, 1)
        self.norm = nn.BatchNorm2d(2)


def checkpoint(model, **changes):
    return {"state_dict": {**model.state_dict(), **changes}}


def test_its_own_checkpoint_fits():
    model = Model()
    state = checkpoint(model)
    check_fit(model, state, source="a.pth")
    wrapped = {f"module.{name}": value for name, value in state["state_dict"].items()}
    check_fit(model, wrapped, source="a.pth")
    del state["state_dict"]["norm.num_batches_tracked"]  # as before PyTorch 0.4
    check_fit(model, state, source="a.pth")


def test_word_lists_of_another_length_are_for_the_encoder_to_judge():
    model, other = Model(), Model()
    other.text_encoder.build_vocabulary(["the red circle"])
    check_fit(model, checkpoint(other), source="a.pth")


def test_what_differs_is_named_and_counted():
    model = Model()
    state = checkpoint(model, **{f"extra.{i}": torch.zeros(1) for i in range(5)})
    del state["state_dict"]["conv.weight"]
    state["state_dict"]["norm.weight"] = torch.zeros(7)
    message = (
        r"checkpoint a\.pth does not fit this config: 1 missing from the checkpoint "
        r"\(conv\.weight\); 5 unknown to the model \(extra\.0, extra\.1, extra\.2 and "
        r"2 more\); 1 of another shape \(norm\.weight \(7,\) there, \(2,\) here\)\. "
        r"Use the config that it was trained with"
    )
    with pytest.raises(ValueError, match=message):
        check_fit(model, state, source="a.pth")
    fit = compare(model, state["state_dict"])
    assert fit.matched == fit.total - 2
    assert not fit.is_exact


def test_another_vocabulary_names_the_key():
    with pytest.raises(ValueError, match=r"another vocabulary .*num_embeddings to 30"):
        check_fit(Model(20), checkpoint(Model(30)), source="a.pth")


def test_starting_from_a_part_says_how_much_it_is():
    model = Model()
    assert "has 9 of the 9 weights of the model." in check_start(
        model, checkpoint(model), source="a.pth"
    )
    state = checkpoint(model)["state_dict"]
    del state["conv.weight"], state["conv.bias"]
    said = check_start(model, state, source="a.pth")
    assert "7 of the 9 weights of the model; the others start anew: 2 missing" in said


@pytest.mark.parametrize("kept", [0, 3])
def test_starting_from_too_little_is_refused(kept):
    model = Model()
    state = dict(list(model.state_dict().items())[:kept])
    state["head.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match=rf"has only {kept} of the 8 weights .*init_c"):
        check_start(model, state, source="a.pth")
    state = dict(list(model.state_dict().items())[:5])
    check_start(model, state, source="a.pth")


def test_a_state_dict_that_is_none():
    with pytest.raises(ValueError, match="state_dict of the checkpoint is a list"):
        state_of({"state_dict": [1]})
