# CMSA: the last level alone, the scores of a word and a pixel kept.
#
# Table 2, word-pixel pair attention; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(
        in_indices=(2,),
        block=dict(type="WordPixelAttentionBlock"),
    ),
    decode_head=dict(exchange=None),
)
