# CEFNet with vanilla co-attention, trained on the three COCO sets together.
#
# As cefnet_r101-gru_1xb12-200k_coco-320.py, pictures of other sets' tests included. The
# numbers are the paper's, see README.md; ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_coco-320.py"]

model = dict(
    neck=dict(block=dict(co_attention=dict(type="VanillaCoAttention"))),
)
