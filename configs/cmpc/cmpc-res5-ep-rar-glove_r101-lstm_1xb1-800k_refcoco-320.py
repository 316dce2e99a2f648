# CMPC: the last level alone, perception and reasoning, GloVe.
#
# Table 2, row 5; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(in_indices=(2,)),
    decode_head=dict(
        exchange=None,
        aggregation=dict(type="SumAggregation", _delete_=True),
    ),
)
# The sum has nothing that could be spared the decay.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(_delete_=True, text_encoder=dict(decay_mult=0.0))
    )
)
