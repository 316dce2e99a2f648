"""The smallest language models and tokenizers of each kind, made without a network."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import (
    ByteLevelBPETokenizer,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
)

WORDS = ["the", "a", "red", "blue", "circle", "square", "on", "left", "of", "above"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def write_word_pieces(folder, words=(*WORDS, "##ish")):
    """A word list of BERT."""
    path = Path(folder) / "vocab.txt"
    path.write_text("\n".join([*SPECIALS, *words]) + "\n", encoding="utf-8")
    return path


def write_byte_pairs(folder):
    """RoBERTa's vocab.json and merges.txt, learnt from our words."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        [" ".join(WORDS)] * 3,
        vocab_size=300,
        min_frequency=1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    trained.save_model(str(folder))
    return Path(folder)


def write_unigrams(folder):
    """A tokenizer.json as T5 has it: pieces with marks for blanks, an end token."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -2.0) for word in WORDS] + [("ish", -3.0), ("▁", -4.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    path = Path(folder) / "tokenizer.json"
    tokenizer.save(str(path))
    names = {"unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>"}
    (Path(folder) / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names})
    )
    return Path(folder)


def bert(folder):
    path = write_word_pieces(folder)
    return {
        "config": {"model_type": "bert", "vocab_size": 16, **SIZES},
        "tokenizer": str(path),
    }


def roberta(folder):
    tokens = len(json.loads((write_byte_pairs(folder) / "vocab.json").read_text()))
    return {
        "config": {
            "model_type": "roberta",
            "vocab_size": tokens,
            "max_position_embeddings": 42,
            **SIZES,
        },
        "tokenizer": str(folder),
    }


def distilbert(folder):
    path = write_word_pieces(folder)
    return {
        "config": {
            "model_type": "distilbert",
            "vocab_size": 16,
            "dim": 8,
            "n_layers": 2,
            "n_heads": 2,
            "hidden_dim": 16,
        },
        "tokenizer": str(path),
    }


def clip(folder):
    del folder
    return {
        "config": {"model_type": "clip_text_model", "projection_dim": 6, **SIZES},
        "tokenizer": "clip",
    }


def t5(folder):
    return {
        "config": {
            "model_type": "t5",
            "vocab_size": 16,
            "d_model": 8,
            "d_kv": 4,
            "d_ff": 16,
            "num_layers": 2,
            "num_heads": 2,
        },
        "tokenizer": str(write_unigrams(folder)),
    }


KINDS = {
    "bert": bert,
    "roberta": roberta,
    "distilbert": distilbert,
    "clip": clip,
    "t5": t5,
}
