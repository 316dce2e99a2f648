# CEFNet: fusion after the backbone, neither co-attention nor boundary enhancement.
#
# Table 3, row 1; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_refcoco-320.py"]

bce = dict(type="BinaryCrossEntropyLoss")
model = dict(
    # The same blocks on an untouched backbone, and the same levels for the head.
    neck=dict(
        type="UnfusedLevelsNeck",
        in_indices=(0,),
        stem_level=True,
        neck=dict(
            type="DecoderFusion",
            block=dict(type="CoAttentionBlock", channels=512, co_attention=None),
            in_indices=(1, 2, 3),
            reinjection=dict(type="UnitReinjection"),
        ),
        _delete_=True,
    ),
    decode_head=dict(type="TopDownDecodeHead"),
    losses=[
        dict(type="MaskLoss", name="loss_mask_1", loss=bce),
        dict(type="MaskLoss", name="loss_mask_2", output="mask_2", loss=bce),
        dict(type="MaskLoss", name="loss_mask_3", output="mask_3", loss=bce),
        dict(type="MaskLoss", name="loss_mask_4", output="mask_4", loss=bce),
    ],
)
