# CMPC: perception and reasoning, three rounds of TGFE.
#
# Table 3, n = 3; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    text_encoder=dict(word_vectors=None),
)
