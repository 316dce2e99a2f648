# CEFNet with vanilla co-attention on RefCOCO (unc) as the paper prints it.
#
# Overall IoU on UNC val / testA / testB: 62.53 / 65.36 / 59.19 (paper, see README.md
# about its backbone); ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_refcoco-320.py"]

model = dict(
    neck=dict(block=dict(co_attention=dict(type="VanillaCoAttention"))),
)
