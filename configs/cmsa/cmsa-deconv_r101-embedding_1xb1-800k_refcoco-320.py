# CMSA: transposed convolutions instead of the gated exchange.
#
# Table 3, CMSA+Deconv; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    decode_head=dict(
        exchange=None,
        # Its place and widths are a choice, the paper gives none.
        mask_decoder=dict(type="DeconvMaskDecoder", channels=(256, 128, 64)),
    )
)
