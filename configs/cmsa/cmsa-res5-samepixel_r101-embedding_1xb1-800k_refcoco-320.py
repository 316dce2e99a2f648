# CMSA: the last level alone, pairs of one pixel attend to each other.
#
# Table 2, word attention, in the other reading of it; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(
        in_indices=(2,),
        block=dict(type="SamePixelAttentionBlock"),
    ),
    decode_head=dict(exchange=None),
)
