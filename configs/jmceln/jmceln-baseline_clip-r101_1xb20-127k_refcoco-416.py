# JMCELN: encoders, neck and upsampling alone.
#
# Mean IoU on UNC testB: 62.57 (paper, Table 2, row 1); ours: not yet run.
# Command: python tools/train.py THIS_FILE
_base_ = ["./jmceln_clip-r101_1xb20-127k_refcoco-416.py"]

model = dict(decode_head=dict(aggregation=dict(num_stages=0, first_map=None)))
# Without the keys of the parts that are left out.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "_delete_": True,
            "backbone.attention_pool.residual": dict(lr_mult=1),
            "neck": dict(lr_mult=1),
            "decode_head": dict(lr_mult=1),
        },
    )
)
