# CEFNet: no boundary enhancement.
#
# Table 3, row 4; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_refcoco-320.py"]

bce = dict(type="BinaryCrossEntropyLoss")
model = dict(
    decode_head=dict(type="TopDownDecodeHead"),
    losses=[
        dict(type="MaskLoss", name="loss_mask_1", loss=bce),
        dict(type="MaskLoss", name="loss_mask_2", output="mask_2", loss=bce),
        dict(type="MaskLoss", name="loss_mask_3", output="mask_3", loss=bce),
        dict(type="MaskLoss", name="loss_mask_4", output="mask_4", loss=bce),
    ],
)
