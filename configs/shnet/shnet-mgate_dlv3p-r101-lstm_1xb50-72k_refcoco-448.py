# SHNet with MGATE in the place of HCAM, at 448x448.
#
# Table 4; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-448.py"]

model = dict(
    decode_head=dict(
        exchange=dict(type="ChannelGatedExchange"),
        aggregation=dict(type="SumAggregation"),
    )
)
