boxes = dict(
    type="BoxRefDataset",
    data_root="boxes",  # seen from the folder where the command is given
    ann_file="boxes.csv",
    data_prefix=dict(img_path="images"),
)
train_dataloader = dict(dataset=boxes)
val_dataloader = dict(dataset=dict(test_mode=True, **boxes))
test_dataloader = dict(dataset=dict(test_mode=True, **boxes))
val_evaluator = test_evaluator = dict(type="RefSegMetric")
