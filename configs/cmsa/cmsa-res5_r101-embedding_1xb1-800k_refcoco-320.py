# CMSA: the last level alone.
#
# Table 2, cross-modal attention, and Table 3, CMSA-W; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(in_indices=(2,)),
    decode_head=dict(exchange=None),
)
