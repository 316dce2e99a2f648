# CMPC: perception and reasoning, no TGFE.
#
# Table 3, n = 0; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    text_encoder=dict(word_vectors=None),
    decode_head=dict(exchange=None),
)
