import pytest
import torch

from mmris.models.decode_heads import TextGuidedExchange, text_guided_exchange
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.references.text_guided_exchange import text_guided_exchange as printed
from tests.seeded_bugs import broken

EQUAL = [(5, 3)] * 3
FALLING = [(7, 5), (4, 5), (2, 1)]  # no side is half of another


def make_exchange(num_levels=3, num_rounds=2, channels=4):
    """An exchange whose pooling chooses and whose gates are neither open nor shut."""
    torch.manual_seed(0)
    levels = (LevelSpec(channels, 8),) * num_levels
    # Necks may leave each level sentences of another width.
    text = tuple(TextSpec(3, 5 + level) for level in range(num_levels))
    exchange = TextGuidedExchange(
        in_features=FusedSpec(levels, text), num_rounds=num_rounds
    )
    for name, parameter in exchange.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
        if "query.weight" in name or "key" in name:
            torch.nn.init.normal_(parameter)
    return exchange.double()


def make_fused(sizes, rows=2, per_image=frozenset()):
    torch.manual_seed(1)
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = tuple(
        TextFeatures(torch.rand(rows, 2, 3), mask, torch.randn(rows, 5 + i).double())
        for i in range(len(sizes))
    )
    index = torch.arange(rows) % 2
    maps = tuple(
        torch.randn(2 if level in per_image else rows, 4, *size, dtype=torch.float64)
        for level, size in enumerate(sizes)
    )
    return FusedFeatures(maps, text, index, per_image)


def literally(exchange, fused, row, **changes):
    levels = [level[row] for level in fused.maps]
    sentences = [text.sentence[row] for text in fused.text]
    return printed(exchange, levels, sentences, **changes)


@pytest.mark.parametrize("num_rounds", [1, 3])
@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2], [*FALLING, (1, 1)]])
def test_equals_the_printed_exchange(sizes, num_rounds):
    exchange, fused = make_exchange(len(sizes), num_rounds), make_fused(sizes)
    result = exchange(fused)
    assert result.text == fused.text
    for row in range(2):
        for level, wanted in enumerate(literally(exchange, fused, row)):
            got = result.maps[level][row]
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-11)


def test_levels_of_a_round_do_not_see_each_other_changed():
    """Neither the order of the updates nor a bias of the keys changes anything."""
    exchange, fused = make_exchange(), make_fused(EQUAL)
    expected = literally(exchange, fused, 0)
    for changes in ({"order": (2, 0, 1)}, {"key_bias": torch.randn(4).double()}):
        for one, other in zip(literally(exchange, fused, 0, **changes), expected):
            torch.testing.assert_close(one, other)


def test_the_sentence_chooses_positions_and_opens_gates():
    """Otherwise the comparison above would not see a missing softmax."""
    exchange, fused = make_exchange(), make_fused(EQUAL)
    gate, level = exchange.rounds[0][0], fused[0]
    opened = gate(level, fused.text[0].sentence)
    assert opened.shape == (2, 4, 1, 1)
    assert (opened[0] - opened[1]).abs().max() > 0.1
    assert ((opened > 0.02) & (opened < 0.98)).any()
    torch.nn.init.zeros_(gate.query.weight)
    torch.nn.init.zeros_(gate.query.bias)
    assert (gate(level, fused.text[0].sentence) - opened).abs().max() > 0.02
    pooled = torch.cat([level.mean(dim=(2, 3)), fused.text[0].sentence], dim=1)
    expected = torch.sigmoid(gate.context(pooled))
    torch.testing.assert_close(gate(level, fused.text[0].sentence)[..., 0, 0], expected)


def test_shut_gates_leave_the_levels_and_open_ones_add_the_others():
    exchange, fused = make_exchange(num_rounds=1), make_fused(EQUAL)
    with torch.no_grad():
        for gate in exchange.rounds[0]:
            gate.context.weight.zero_()
            gate.context.bias.fill_(-200.0)
    for level in range(3):
        torch.testing.assert_close(exchange(fused)[level], fused[level])
    with torch.no_grad():
        for gate in exchange.rounds[0]:
            gate.context.bias.fill_(200.0)
    for level in range(3):
        torch.testing.assert_close(exchange(fused)[level], sum(fused.maps))


def test_a_single_level_has_nobody_to_hear_of():
    exchange, fused = make_exchange(1), make_fused([(5, 3)])
    assert list(exchange.parameters()) == []
    assert torch.equal(exchange(fused)[0], fused[0])


def test_a_level_of_images_is_as_good_as_its_expansion():
    exchange = make_exchange()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    expanded = FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
    result, expected = exchange(fused), exchange(expanded)
    assert result.per_image == frozenset()
    for level in range(3):
        torch.testing.assert_close(result[level], expected[level])


def test_batched_equals_single():
    exchange, fused = make_exchange(), make_fused(FALLING)
    result = exchange(fused)
    for row in range(2):
        alone = FusedFeatures(
            tuple(level[row : row + 1] for level in fused.maps),
            tuple(text.rows(row, row + 1) for text in fused.text),
            torch.zeros(1, dtype=torch.int64),
        )
        for level in range(3):
            single = exchange(alone)[level]
            torch.testing.assert_close(single, result[level][row : row + 1])


@pytest.mark.parametrize("sizes", [EQUAL, FALLING])
def test_every_parameter_has_a_gradient(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    sum(level.square().sum() for level in exchange(fused).maps).backward()
    for name, parameter in exchange.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_parameters_and_what_goes_out():
    exchange = make_exchange()
    assert exchange.spec == exchange.in_features
    assert len(exchange.rounds) == 2
    level = exchange.rounds[1][2]  # its sentence has 7 channels
    assert {name: tuple(p.shape) for name, p in level.named_parameters()} == {
        "query.weight": (4, 7),
        "query.bias": (4,),
        "key.weight": (4, 4),
        "context.weight": (4, 11),
        "context.bias": (4,),
    }


def test_pooling_is_in_single_precision_under_autocast():
    exchange, fused = make_exchange().float(), make_fused(EQUAL)
    fused = FusedFeatures(
        tuple(10 * level.float() for level in fused.maps),
        tuple(TextFeatures(t.tokens, t.mask, t.sentence.float()) for t in fused.text),
        fused.image_index,
    )
    with torch.no_grad():
        exact = exchange(fused).maps
        with torch.autocast("cpu", torch.bfloat16):
            for one, other in zip(exchange(fused).maps, exact):
                assert torch.isfinite(one).all()
                assert (one - other).abs().max() < 0.02 * other.abs().max()


def test_compiled_is_the_same():
    exchange, fused = make_exchange(), make_fused(FALLING)
    compiled = torch.compile(exchange, backend="aot_eager", fullgraph=True)
    for one, other in zip(compiled(fused).maps, exchange(fused).maps):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_messages():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(
        ValueError,
        match=r"exchange TextGuidedExchange needs levels of one width.* \(4, 6\) chan",
    ):
        TextGuidedExchange(in_features=spec, num_rounds=1)
    with pytest.raises(
        ValueError, match=r"num_rounds 0; set it to 1 or more, or leave"
    ):
        make_exchange(num_rounds=0)


BUGS = {
    "softmax over the wrong axis": (
        "torch.softmax(scores, dim=2)",
        "torch.softmax(scores, dim=0)",
    ),
    "no softmax": (
        "torch.softmax(scores, dim=2)",
        "scores",
    ),
    "scale left out": (" / positions.shape[1] ** 0.5", ""),
    "scale of the positions": (
        "positions.shape[1] ** 0.5",
        "positions.shape[2] ** 0.5",
    ),
    "key transposed": ("@ self.key.weight  #", "@ self.key.weight.t()  #"),
    "itself among the others": ("if index != target", "if index >= 0"),
    "levels updated one after the other": (
        "levels = [\n                level + opened[target] * _sum_of_others(levels, "
        "target)\n                for target, level in enumerate(levels)\n"
        "            ]",
        "levels = list(levels)\n"
        "            for target, level in enumerate(levels):\n"
        "                levels[target] = level + opened[target] * _sum_of_others(\n"
        "                    levels, target\n                )",
    ),
    "context detached": ("torch.cat([pooled,", "torch.cat([pooled.detach(),"),
    "first level's sentence for all": (
        "[text.sentence for text in fused.text]",
        "[fused.text[-1].sentence[:, :5 + i] for i in range(len(fused.text))]",
    ),
}


def agrees(exchange):
    """Whether outputs and gradients equal those of the printed exchange."""
    fused = make_fused(EQUAL)
    for level in fused.maps:
        level.requires_grad_()
    result = [level[0] for level in exchange(fused).maps]
    expected = literally(exchange, fused, 0)
    if not all(torch.allclose(a, b, atol=1e-10) for a, b in zip(result, expected)):
        return False
    wanted = torch.autograd.grad(sum(m.square().sum() for m in expected), fused.maps)
    found = torch.autograd.grad(sum(m.square().sum() for m in result), fused.maps)
    return all(torch.allclose(a, b, atol=1e-9) for a, b in zip(found, wanted))


def test_the_exchange_as_it_is_agrees():
    assert agrees(make_exchange())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    exchange = make_exchange()
    copy = broken(text_guided_exchange, "TextGuidedExchange", *BUGS[bug])
    exchange.__class__ = copy
    gate = copy.forward.__globals__["_LevelGate"]
    for gates in exchange.rounds:
        for own in gates:
            own.__class__ = gate
    assert not agrees(exchange)
