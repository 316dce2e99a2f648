# CMPC: concatenation, one round of TGFE.
#
# Table 2, row 7; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    text_encoder=dict(word_vectors=None),
    neck=dict(rank=0, num_graph_layers=0),
    decode_head=dict(exchange=dict(num_rounds=1)),
)
