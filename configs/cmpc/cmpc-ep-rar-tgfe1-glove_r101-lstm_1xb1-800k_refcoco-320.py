# CMPC: perception and reasoning, one round of TGFE, GloVe.
#
# Table 2, row 11; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    decode_head=dict(exchange=dict(num_rounds=1)),
)
