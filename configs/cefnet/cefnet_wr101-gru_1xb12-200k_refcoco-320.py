# CEFNet with asymmetric co-attention and the backbone of the released code.
#
# That is torchvision's wide_resnet101_2 (124.8 million weights, against 42.5 million of
# ResNet-101), which the paper calls ResNet-101. Overall IoU: see README.md; ours: not
# yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_refcoco-320.py"]

model = dict(
    # mmpretrain's ResNet can have inner convolutions of twice the width.
    backbone=dict(
        type="mmpretrain.ResNet",
        base_channels=128,
        expansion=2,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://wide_resnet101_2"),
    ),
)
