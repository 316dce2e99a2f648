# SHNet without the exchange of HCAM.
#
# Table 2, row 5; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

model = dict(decode_head=dict(exchange=None))
