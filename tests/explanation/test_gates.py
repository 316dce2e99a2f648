"""The gates that are shown are those that the levels went through."""

import pytest
import torch

from mmris.explanation import explain, list_kinds, record_calls
from mmris.models.layers import resize_to
from tests import parts
from tests.apis.conftest import make_config
from tests.explanation.conftest import NECKS, build, gated_head

SUM = {"type": "SumAggregation"}
MEMORY_AND_RESET = {"level_0": ("memory", "reset"), "level_1": ("memory", "reset")}
LAST = ("input", "forget", "output")
# Part of the head, the method that opens its gates, and what they are called.
GATED = {
    "GatedExchange": (
        gated_head(SUM, {"type": "GatedExchange"}),
        "openings",
        MEMORY_AND_RESET,
    ),
    "ChannelGatedExchange": (
        gated_head(SUM, {"type": "ChannelGatedExchange"}),
        "openings",
        MEMORY_AND_RESET,
    ),
    "HierarchicalCrossModalExchange": (
        gated_head(SUM, {"type": "HierarchicalCrossModalExchange"}),
        "opening",
        {"level_0": ("from level 1",), "level_1": ("from level 0",)},
    ),
    "SelfGatedAggregation": (
        gated_head({"type": "SelfGatedAggregation"}),
        "opening",
        {"level_0": ("gate",), "level_1": ("gate",)},
    ),
    "ConvLSTMAggregation": (
        gated_head(
            {"type": "ConvLSTMAggregation", "channels": 6, "kernel_size": 3,
             "coarsest_first": True}
        ),
        "openings",
        {"level_1": ("input", "output"), "level_0": LAST},
    ),
    "PeepholeConvLSTMAggregation": (
        gated_head({"type": "PeepholeConvLSTMAggregation", "channels": 6}),
        "openings",
        {"level_0": ("input", "output"), "level_1": LAST},
    ),
}  # fmt: skip


def build_gated(head):
    """CMSA's neck of two levels under a head; a config of a picture's way to it."""
    config = make_config().to_dict()
    config["model"]["neck"] = NECKS["cmsa"]
    config["model"]["decode_head"] = head
    model = parts.build_model(config["model"])
    with torch.no_grad():
        for parameter in model.decode_head.parameters():
            parameter.mul_(3)  # gates of random weights are half open everywhere
    model.cfg = make_config()
    return model.eval()


def fused_of(model, picture):
    with record_calls([(model.decode_head, "forward")]) as record:
        explain(model, picture, ["red circle"], kinds=[], channel_order="rgb")
    (fused,) = record.last(model.decode_head, "forward").arguments
    return fused


def opened(call):
    """All gates of a call, each ``(C, P)``, in one list."""
    gates = call.result if isinstance(call.result, tuple) else (call.result,)
    flat = [gate for part in gates for gate in (part if isinstance(part, list) else
            [part])]  # fmt: skip
    return [gate[0].flatten(1) for gate in flat]


def run(part, fused):
    result = part(fused)
    return result if isinstance(result, torch.Tensor) else torch.cat(
        [level.flatten() for level in result.maps]
    )  # fmt: skip


@pytest.mark.parametrize("name", GATED)
def test_gates_are_those_of_the_forward_pass(name, picture, monkeypatch):
    head, method, places = GATED[name]
    model = build_gated(head)
    assert "gates" in list_kinds(model)
    (found,) = explain(
        model, picture, ["red circle"], kinds=["gates"], channel_order="rgb"
    )
    maps = list(found.maps.values())
    assert {entry.place: entry.items for entry in maps} == places
    shown = [torch.from_numpy(gate) for entry in maps for gate in entry.values]

    part = model.decode_head.exchange or model.decode_head.aggregation
    assert type(part).__name__ == name
    fused = fused_of(model, picture)
    with torch.no_grad(), record_calls([(part, method)]) as record:
        expected = run(part, fused)
    calls = record.calls(part, method)
    gates = [gate for call in calls for gate in opened(call)]
    if name == "GatedExchange":  # one call: memory of all levels, then reset
        gates = [gates[0], gates[2], gates[1], gates[3]]
    assert len(gates) == len(shown)
    for gate, own in zip(gates, shown):
        torch.testing.assert_close(own.flatten(), gate.mean(dim=0))
        assert 0 <= own.min() < own.max() <= 1
        assert own.std() > 1e-3

    # What the part makes of these gates and of no others is its output.
    with torch.no_grad():
        answers = iter([call.result for call in calls])
        monkeypatch.setattr(part, method, lambda *given: next(answers))
        torch.testing.assert_close(run(part, fused), expected, rtol=0, atol=0)
        shut = iter([closed(call.result) for call in calls])
        monkeypatch.setattr(part, method, lambda *given: next(shut))
        assert not torch.allclose(run(part, fused), expected)


def closed(gates):
    if isinstance(gates, torch.Tensor):
        return torch.zeros_like(gates)
    return type(gates)(closed(gate) for gate in gates)


def test_the_equation_holds_for_the_gates_that_are_shown(picture):
    model = build_gated(GATED["GatedExchange"][0])
    (found,) = explain(
        model, picture, ["red circle"], kinds=["gates"], channel_order="rgb"
    )
    fused, exchange = fused_of(model, picture), model.decode_head.exchange
    memory, reset = zip(
        *(torch.from_numpy(found[f"gates/level_{level}"].values) for level in (0, 1))
    )
    levels = fused.expanded()
    with torch.no_grad():
        expected = exchange(fused)
    for target, source in ((0, 1), (1, 0)):
        own, size = levels[target], levels[target].shape[-2:]
        given = exchange.gamma[source] * memory[source] * levels[source]
        joint = (1 - memory[target]) * own + resize_to(given, size)
        level = reset[target] * torch.tanh(joint) + (1 - reset[target]) * own
        torch.testing.assert_close(level, expected.maps[target])


def test_nothing_is_kept_when_gates_are_not_asked_for(picture):
    model = build_gated(GATED["GatedExchange"][0])
    exchange = model.decode_head.exchange
    before = set(vars(exchange))
    (found,) = explain(
        model, picture, ["red circle"], kinds=["word_attention"], channel_order="rgb"
    )
    assert {entry.kind for entry in found.maps.values()} == {"word_attention"}
    assert set(vars(exchange)) == before


@pytest.mark.parametrize("system", ["shnet", "jmceln"])
def test_heads_average_to_what_is_shown_without_them(system, picture):
    model = build(system)
    (plain,) = explain(model, picture, ["red circle"], channel_order="rgb")
    (found,) = explain(model, picture, ["red circle"], heads=True, channel_order="rgb")
    assert [name for name in found.maps if "_head_" not in name] == list(plain.maps)
    kinds = set()
    for name, entry in plain.maps.items():
        assert (found.maps[name].values == entry.values).all()
        heads = [
            torch.from_numpy(found.maps[f"{name}_head_{number}"].values)
            for number in (1, 2)
            if f"{name}_head_{number}" in found.maps
        ]
        if heads:
            mean = torch.stack(heads).mean(dim=0)
            torch.testing.assert_close(mean, torch.from_numpy(entry.values))
            assert (heads[0] - heads[1]).abs().max() > 1e-3
            kinds.add(entry.kind)
    assert kinds == {
        "shnet": {"word_words", "word_places", "place_words", "place_places"},
        "jmceln": {"window_places", "embedding_places", "place_embeddings"},
    }[system]  # fmt: skip
    assert "head 2 alone" in found.maps[f"{name_of(system)}_head_2"].meaning


def name_of(system):
    return {"shnet": "word_words/level_0", "jmceln": "place_embeddings/stage_1"}[system]


def test_heads_that_are_shown_give_what_the_layer_gave(picture):
    model = build("shnet")
    (found,) = explain(model, picture, ["red circle"], heads=True, channel_order="rgb")
    (layer,) = model.neck.layers
    with record_calls([(layer, "attend")]) as record:
        explain(model, picture, ["red circle"], kinds=[], channel_order="rgb")
    (prepared, _), result = record.last(layer, "attend")
    values = layer._heads(prepared.value)  # (L, h, S, C / h)
    for level in range(len(values)):
        gathered = []
        for head in range(layer.num_heads):
            blocks = [
                torch.from_numpy(found[f"{kind}/level_{level}_head_{head + 1}"].values)
                for kind in ("place_places", "place_words", "word_places", "word_words")
            ]
            words, cells = len(found.words), blocks[1][0].numel()
            matrix = torch.cat(
                [
                    torch.cat([blocks[0].reshape(cells, cells),
                               blocks[1].reshape(words, cells).t()], dim=1),
                    torch.cat([blocks[2].reshape(words, cells), blocks[3]], dim=1),
                ]
            )  # fmt: skip
            gathered.append(matrix @ values[level, head, : cells + words])
        with torch.no_grad():
            tokens = layer.output(torch.cat(gathered, dim=1))
        assert prepared.residual is None
        assert layer.ffn is None
        torch.testing.assert_close(
            tokens, result[level, : len(tokens)], rtol=1e-4, atol=1e-5
        )
