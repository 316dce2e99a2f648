# CEFNet trained on RefCOCO, RefCOCO+ and RefCOCOg (google) together, as in the paper.
#
# Its rows "coco" take the training sets as they are: they show many pictures that the
# others test on, as tools/dataset_tools/check_leak.py counts for this file. The numbers
# are the paper's, see README.md; ours: not yet run. The config "leakfree" beside this
# one leaves those pictures out.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cefnet_r101-gru_1xb12-200k_refcoco-320.py"]

unc = dict(type="ReferDataset", partition="unc", split="train")
google = dict(type="ReferDataset", partition="google", split="train")
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="MixedRefDataset",
        datasets=[
            dict(unc, dataset="refcoco"),
            dict(unc, dataset="refcoco+"),
            dict(google, dataset="refcocog"),
        ],
        sampling="sentence",
        pipeline=[
            dict(type="LoadRefImage"),
            dict(type="LoadRefMasks"),
            dict(type="RefResize", size=(320, 320)),
            dict(type="PackRefInputs"),
        ],
    ),
)
