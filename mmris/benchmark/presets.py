"""Configs that are measured together."""

from __future__ import annotations

# The systems as their papers print them, at their papers' sizes, cheapest first.
PRESETS = {
    "paper": [
        "cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py",
        "cmpc/cmpc_r101-lstm_1xb1-800k_refcoco-320.py",
        "shnet/shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py",
        "cefnet/cefnet_r101-gru_1xb12-200k_refcoco-320.py",
        "cefnet/cefnet-vanilla_r101-gru_1xb12-200k_refcoco-320.py",
        "jmceln/jmceln_clip-r101_1xb20-127k_refcoco-416.py",
    ]
}
