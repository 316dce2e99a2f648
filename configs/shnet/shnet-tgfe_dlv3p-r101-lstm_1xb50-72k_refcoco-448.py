# SHNet with TGFE in the place of HCAM, at 448x448.
#
# Table 4, with TGFE in the form of its own paper; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-448.py"]

model = dict(
    decode_head=dict(
        exchange=dict(type="TextGuidedExchange", num_rounds=2),
        aggregation=dict(type="SumAggregation"),
    )
)
