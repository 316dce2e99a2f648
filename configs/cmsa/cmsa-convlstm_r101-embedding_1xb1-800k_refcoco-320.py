# CMSA: a convolutional LSTM instead of the gated exchange.
#
# Table 3, CMSA+ConvLSTM; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    decode_head=dict(
        exchange=None,
        aggregation=dict(
            type="ConvLSTMAggregation",
            channels=500,
            kernel_size=1,
            coarsest_first=True,
            forget_bias=1.0,
        ),
    )
)
