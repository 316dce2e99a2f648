# CMSA on RefCOCO (unc) with a dense CRF after it, as the paper's tables are scored.
#
# Ye et al., CVPR 2019, Table 1. Needs pip install 'mmris[crf]'; training is that of the
# config below, whose checkpoints it tests: README.md, "Dense CRF".
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    post_processing=dict(
        type="DenseCRFPostProcessing",
        num_iterations=5,
        smoothness_weight=3.0,
        smoothness_deviation=3.0,  # pixels of the input
        appearance_weight=10.0,
        appearance_deviation=20.0,  # pixels of the input
        color_deviation=3.0,  # of 255
    )
)
