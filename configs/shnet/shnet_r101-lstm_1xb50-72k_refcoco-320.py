# SHNet on an ImageNet ResNet-101.
#
# Overall IoU on UNC val / testA / testB: 63.76 / 67.05 / 60.15 (paper, Table 3);
# ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

# Output stride 32, no dilation.
model = dict(
    backbone=dict(strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1), multi_grid=None)
)
