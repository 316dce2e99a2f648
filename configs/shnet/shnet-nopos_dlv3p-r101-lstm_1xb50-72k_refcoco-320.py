# SHNet without positions.
#
# Overall IoU on UNC val: 63.07 (paper, Table 2, row 7);
# ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

model = dict(neck=dict(positions=False))
