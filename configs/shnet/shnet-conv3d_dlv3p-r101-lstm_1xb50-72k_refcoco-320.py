# SHNet without the exchange of HCAM.
#
# Overall IoU on UNC val: 63.16 (paper, Table 2, row 5);
# ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

model = dict(decode_head=dict(exchange=None))
