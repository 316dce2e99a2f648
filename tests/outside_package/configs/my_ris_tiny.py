_base_ = ["mmris::baseline/baseline_tiny_shapes.py"]

custom_imports = dict(imports=["my_ris"])

model = dict(
    text_encoder=dict(
        _delete_=True, type="HashTextEncoder", num_rows=512, channels=64, max_words=20
    ),
    neck=dict(_delete_=True, type="WordAttentionNeck", channels=64),
    decode_head=dict(aggregation=dict(_delete_=True, type="MaxAggregation")),
    losses=[
        dict(
            type="MaskLoss",
            name="loss_bce",
            loss=dict(type="BinaryCrossEntropyLoss"),
        ),
        dict(type="MaskLoss", name="loss_iou", loss=dict(type="SoftIoULoss")),
    ],
)
