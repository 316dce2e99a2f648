# JMCELN: each stage looks at the first map, not at the newest.
#
# Mean IoU on UNC testB: 69.11 (paper, Table 2, row 6); ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./jmceln_clip-r101_1xb20-127k_refcoco-416.py"]

model = dict(decode_head=dict(aggregation=dict(adaptive=False)))
