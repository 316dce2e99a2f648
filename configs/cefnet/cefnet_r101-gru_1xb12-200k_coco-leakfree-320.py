# CEFNet trained on the three COCO sets together, without a picture of any test.
#
# Every picture that RefCOCO, RefCOCO+ or RefCOCOg (google) validates or tests on is
# left out of the training of all three; tools/dataset_tools/check_leak.py proves it on
# your data. No paper has numbers for it; ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_coco-320.py"]

unc = dict(type="ReferDataset", partition="unc")
google = dict(type="ReferDataset", partition="google")
train_dataloader = dict(
    dataset=dict(
        held_out=[
            dict(unc, dataset="refcoco", split="val"),
            dict(unc, dataset="refcoco", split="testA"),
            dict(unc, dataset="refcoco", split="testB"),
            dict(unc, dataset="refcoco+", split="val"),
            dict(unc, dataset="refcoco+", split="testA"),
            dict(unc, dataset="refcoco+", split="testB"),
            dict(google, dataset="refcocog", split="val"),
        ],
    ),
)
