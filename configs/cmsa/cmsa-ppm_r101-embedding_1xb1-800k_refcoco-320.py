# CMSA: pyramid pooling instead of the gated exchange.
#
# Table 3, CMSA+PPM; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    decode_head=dict(
        exchange=None,
        # Its place and widths are a choice, the paper gives none.
        aggregation=dict(
            type="PyramidPoolingAggregation", channels=500, pyramid_channels=375
        ),
    )
)
