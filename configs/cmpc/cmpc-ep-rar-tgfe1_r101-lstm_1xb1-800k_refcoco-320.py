# CMPC: perception and reasoning, one round of TGFE.
#
# Table 2, row 10, and Table 3, n = 1; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    text_encoder=dict(word_vectors=None),
    decode_head=dict(exchange=dict(num_rounds=1)),
)
