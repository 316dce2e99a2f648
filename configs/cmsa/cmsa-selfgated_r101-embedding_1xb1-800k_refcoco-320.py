# CMSA: gates without the exchange.
#
# Table 3, CMSA+Gated; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    decode_head=dict(
        exchange=None,
        aggregation=dict(type="SelfGatedAggregation"),
    )
)
