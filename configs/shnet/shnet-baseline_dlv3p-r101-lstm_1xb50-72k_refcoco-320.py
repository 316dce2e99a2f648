# SHNet without SFM and HCAM: levels and sentence are concatenated.
#
# Table 2, row 1; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

model = dict(
    neck=dict(num_layers=0),
    decode_head=dict(
        exchange=None,
        aggregation=dict(type="ConcatAggregation", channels=512),
    ),
)
