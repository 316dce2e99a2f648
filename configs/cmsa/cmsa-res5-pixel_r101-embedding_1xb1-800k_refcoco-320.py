# CMSA: the last level alone, the scores of two pixels kept.
#
# Table 2, pixel attention, in one reading of it; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(
        in_indices=(2,),
        block=dict(type="PixelAttentionBlock"),
    ),
    decode_head=dict(exchange=None),
)
