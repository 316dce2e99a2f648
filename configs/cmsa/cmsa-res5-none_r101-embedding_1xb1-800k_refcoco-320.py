# CMSA: the last level alone, no attention.
#
# Table 2, no attention; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(
        in_indices=(2,),
        block=dict(type="MeanPairBlock", out_channels=500, _delete_=True),
    ),
    decode_head=dict(exchange=None),
)
