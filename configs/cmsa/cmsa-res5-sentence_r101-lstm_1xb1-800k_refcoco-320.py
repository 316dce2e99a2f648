# CMSA: the last level alone, the sentence as the only word.
#
# Table 3, CMSA-S; numbers: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = ["./cmsa_r101-embedding_1xb1-800k_refcoco-320.py"]

model = dict(
    # The paper says that an LSTM makes the vector; its width is that of a word.
    text_encoder=dict(
        type="LSTMTextEncoder",
        num_embeddings=12112,
        embedding_channels=1000,
        hidden_channels=1000,
        forget_bias=1.0,
        init_range=0.08,
        max_words=20,
        _delete_=True,
    ),
    neck=dict(
        in_indices=(2,),
        block=dict(
            type="SentenceAsWordBlock",
            block=dict(
                type="CrossModalAttentionBlock",
                attention_channels=512,
                out_channels=500,
            ),
            _delete_=True,
        ),
    ),
    decode_head=dict(exchange=None),
)
