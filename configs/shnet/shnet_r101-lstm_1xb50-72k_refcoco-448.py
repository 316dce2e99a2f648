# SHNet at 448x448 on an ImageNet ResNet-101.
#
# Table 3; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-448.py"]

# Output stride 32, no dilation.
model = dict(
    backbone=dict(strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1), multi_grid=None)
)
