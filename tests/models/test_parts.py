"""Parts that do not fit are refused by the key of the config, own parts are taken."""

import copy

import pytest
import torch

from mmris.models import DecoderFusion, parts
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, MaskOutput, TextFeatures
from tests.parts import build_model, collate, make_item, model_config, predict

FCN = {"type": "mmseg.FCNHead", "in_channels": 8, "channels": 8, "num_classes": 2}
FPN = {"type": "mmseg.FPN", "in_channels": [8], "out_channels": 8, "num_outs": 1}
DICE = {"type": "mmseg.DiceLoss"}


def changed(key, value):
    config = copy.deepcopy(model_config())
    place = config
    *way, last = key.split(".")
    for name in way:
        place = place[name]
    place[last] = value
    return config


@pytest.mark.parametrize(
    "key",
    [
        "text_encoder",
        "backbone",
        "neck",
        "neck.block",
        "decode_head",
        "decode_head.aggregation",
        "decode_head.mask_decoder",
        "data_preprocessor",
        "losses",
        "test_cfg",
    ],
)
@pytest.mark.parametrize("value", [None, "auto"])
def test_none_and_words_are_refused_by_key(key, value):
    with pytest.raises(ValueError, match=rf"^model\.{key} is {value!r}[,;] .+ .+"):
        MODELS.build(changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "decode_head",
            FCN,
            r"model\.decode_head is FCNHead, which is not a decode head of mmris: it "
            r"is a decode head of mmseg.* put a head of mmseg into "
            r"dict\(type='MMSegDecodeHead', head=dict\(type='mmseg.FCNHead', ...\)\)",
        ),
        (
            "decode_head.mask_decoder",
            FCN,
            r"model\.decode_head\.mask_decoder is FCNHead, .* choose ConvMaskDecoder",
        ),
        (
            "decode_head.mask_decoder",
            {"type": "SumAggregation"},
            r"mask_decoder is SumAggregation, .* takes no in_channels",
        ),
        (
            "decode_head.level_decoder",
            {"type": "SumAggregation"},
            r"level_decoder is SumAggregation, .* takes no in_channels",
        ),
        (
            "decode_head.exchange",
            {"type": "SumAggregation"},
            r"exchange is SumAggregation, .* has no spec",
        ),
        (
            "decode_head.aggregation",
            {"type": "GatedExchange"},
            r"aggregation is GatedExchange, .* has no out_channels",
        ),
        (
            "neck",
            FPN,
            r"model\.neck is FPN, which is not a fusion neck: it has no encode and .*"
            "choose DecoderFusion",
        ),
        (
            "neck",
            {"type": "UnfusedLevelsNeck", "neck": FPN},
            r"model\.neck\.neck is FPN, .* choose DecoderFusion",
        ),
        (
            "neck.block",
            {"type": "DecoderFusion"},
            r"model\.neck\.block is DecoderFusion, .* takes no in_level",
        ),
        (
            "text_encoder",
            {"type": "mmseg.ResNetV1c", "depth": 18},
            r"model\.text_encoder is ResNetV1c, .* has no spec. Instead, choose LSTM",
        ),
        (
            "data_preprocessor",
            {"type": "mmseg.SegDataPreProcessor"},
            r"model\.data_preprocessor is SegDataPreProcessor, .* "
            r"give dict\(type='RefSegDataPreprocessor', mean=..., std=...\)",
        ),
        (
            "data_preprocessor",
            {"type": "mmpretrain.ClsDataPreprocessor"},
            r"model\.data_preprocessor is ClsDataPreprocessor",
        ),
        (
            "losses",
            [DICE],
            r"model\.losses\[0\] is DiceLoss, .* goes into MaskLoss: "
            r"dict\(type='MaskLoss', name='loss_mask', "
            r"loss=dict\(type='mmseg.DiceLoss', ...\)\)",
        ),
        ("losses", DICE, r"model\.losses is .*; give a list of losses"),
        ("losses", [None], r"model\.losses\[0\] is None"),
        ("neck", {"channels": 8}, r"model\.neck has no type, only channels; choose"),
        (
            "neck",
            {"type": "DecoderFusoin"},
            r"model\.neck\.type is 'DecoderFusoin', which is no registered model; did "
            r"you mean 'DecoderFusion'",
        ),
        ("post_processing", 5, r"model\.post_processing is 5, .* or None"),
        (
            "post_processing",
            {"type": "DenseCRF"},
            r"model\.post_processing\.type is 'DenseCRF', which is no registered task "
            r"util; did you mean 'DenseCRFPostProcessing'",
        ),
        (
            "decode_head",
            {"type": "MMSegDecodeHead", "head": None},
            r"model\.decode_head\.head is None; give the config of a head of mmseg",
        ),
    ],
)
def test_a_part_of_another_kind_is_refused(key, value, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("neck.block.channels", "128", "neck.block"),
        ("neck.block.channels", -1, "neck.block"),
        ("decode_head.aggregation.channels", "8", "decode_head.aggregation"),
        ("decode_head.mask_decoder.channels", "8", "decode_head.mask_decoder"),
        ("text_encoder.num_embeddings", "20", "text_encoder"),
        ("backbone.depth", "18", "backbone"),
        (
            "decode_head",
            {"type": "MMSegDecodeHead", "head": {**FCN, "channels": "8"}},
            "decode_head.head",
        ),
    ],
)
def test_a_wrong_value_is_looked_for_under_its_key(key, value, place):
    config = changed(key, value)
    if place == "decode_head.head":
        for name in ("in_channels", "num_classes"):
            del config["decode_head"]["head"][name]
        value = "8"
    name = "channels" if place == "decode_head.head" else key.rpartition(".")[2]
    found = rf"model\.{place} cannot be built: .*\. Check .* {name}={value!r}"
    with pytest.raises(ValueError, match=found) as caught:
        MODELS.build(config)
    assert str(caught.value).count("cannot be built") == 1
    assert caught.value.__cause__ is not None  # where it comes from


def test_files_and_networks_have_errors_of_their_own():
    def missing(path):
        raise FileNotFoundError(path)

    with pytest.raises(FileNotFoundError, match=r"^there\.txt$"):
        parts.build_at("model.neck", {"type": missing, "path": "there.txt"})


class OwnEncoder(torch.nn.Module):
    """Like the others below, of no base class of mmris, and no more than is read."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(50, 8)
        self.spec = MODELS.build(model_config()["text_encoder"]).spec

    def forward(self, sentences):
        ids = torch.tensor([[len(sentence) % 50] for sentence in sentences])
        tokens = self.table(ids)[..., : self.spec.token_channels]
        mask = torch.ones_like(ids, dtype=torch.bool)
        return TextFeatures(tokens, mask, tokens[:, 0])


class OwnNeck(torch.nn.Module):
    def __init__(self, in_levels, in_text):
        super().__init__()
        self.spec = FusedSpec(in_levels[-1:], (in_text,))

    def encode(self, backbone, images):
        return backbone(images)[-1]

    def decode(self, backbone, encoded, text, image_index):
        fused = encoded[image_index] * text.sentence.mean(dim=1)[:, None, None, None]
        return FusedFeatures((fused,), (text,), image_index)


class OwnHead(torch.nn.Module):
    aux_names = ()
    has_own_losses = False

    def __init__(self, in_features):
        super().__init__()
        self.score = torch.nn.Conv2d(in_features.channels[0], 1, kernel_size=1)

    def forward(self, fused):
        return MaskOutput(self.score(fused[0]), {})

    def own_losses(self, output, masks):
        return {}


class OwnLoss(torch.nn.Module):
    reads = {"loss_own": "logits"}  # noqa: RUF012

    def forward(self, output, masks):
        return {"loss_own": (output.logits.mean() - masks.float().mean()) ** 2}


def test_own_parts_need_no_base_class():
    config = {
        **model_config(),
        "text_encoder": {"type": OwnEncoder},
        "neck": {"type": OwnNeck},
        "decode_head": {"type": OwnHead},
        "losses": [{"type": OwnLoss}],
    }
    model = build_model(config)
    assert predict(model, [make_item(2)])[0].seg_logits.data.shape == (2, 50, 83)
    data = model.data_preprocessor(collate([make_item(2, masks_at=(64, 96))]), True)
    assert set(model.train()(**data, mode="loss")) == {"loss_own"}


def test_a_convolution_will_do_for_a_mask_decoder():
    decoder = {"type": torch.nn.Conv2d, "out_channels": 1, "kernel_size": 1}
    model = build_model(changed("decode_head.mask_decoder", decoder))
    assert predict(model, [make_item(2)])[0].seg_logits.data.shape == (2, 50, 83)


class Halved(DecoderFusion):
    """Gives half of the channels that its spec says."""

    def fuse(self, projected, text, image_index):
        fused = super().fuse(projected, text, image_index)
        maps = tuple(level[:, ::2] for level in fused.maps)
        return FusedFeatures(maps, fused.text, image_index)


class OneLess(DecoderFusion):
    """Gives one level less than its spec says."""

    def fuse(self, projected, text, image_index):
        fused = super().fuse(projected, text, image_index)
        return FusedFeatures(fused.maps[1:], fused.text[1:], image_index)


@pytest.mark.parametrize(
    ("neck", "given"), [(Halved, "4, 4, 4, 4"), (OneLess, "8, 8, 8")]
)
@pytest.mark.parametrize("compiled", [False, True])
def test_levels_other_than_the_neck_says_are_refused(neck, given, compiled):
    model = build_model(changed("neck.type", neck))
    if compiled:
        model.decode_text = torch.compile(model.decode_text, backend="eager")
    message = (
        rf"model\.neck {neck.__name__} gives levels of \({given}\) channels, but its "
        r"spec says \(8, 8, 8, 8\), for which model\.decode_head was built"
    )
    with pytest.raises(ValueError, match=message):
        predict(model, [make_item(2)])
