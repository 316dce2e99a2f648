# JMCELN: stages without PAN.
#
# Mean IoU on UNC testB: 69.46 (paper, Table 2, row 4); ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./jmceln_clip-r101_1xb20-127k_refcoco-416.py"]

model = dict(decode_head=dict(aggregation=dict(alignment=None)))
