# SHNet at 448x448.
#
# Table 1, and Tables 3 and 4; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

input_size = (448, 448)  # (height, width)
train_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="LoadRefMasks"),
    dict(type="RefResize", size=input_size),
    dict(
        type="mmcv.RandomGrayscale",
        prob=0.3,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.299),  # of blue, green and red
    ),
    dict(type="PackRefInputs"),
]
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size),
    dict(type="LoadRefMasks"),  # after the resizing: scores at the original size
    dict(type="PackRefInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
