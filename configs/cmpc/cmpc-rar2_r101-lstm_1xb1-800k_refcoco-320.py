# CMPC: all of it with two graph layers, as for RefCOCOg.
#
# Table 1, RefCOCOg; numbers: README.md.
# Command: python tools/train.py THIS_FILE --dataset refcocog_google
_base_ = ["./cmpc_r101-lstm_1xb1-800k_refcoco-320.py"]

model = dict(
    neck=dict(num_graph_layers=2),
)
