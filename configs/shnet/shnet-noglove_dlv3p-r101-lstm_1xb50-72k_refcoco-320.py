# SHNet with words learned from scratch.
#
# Table 2, row 6, where the words have no embedding at all; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"]

model = dict(
    text_encoder=dict(word_vectors=None, freeze_embedding=False, init_range=0.08)
)
