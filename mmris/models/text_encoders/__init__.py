from .base_text_encoder import BaseTextEncoder, TokenBatch
from .embedding_text_encoder import EmbeddingTextEncoder
from .gru_text_encoder import GRUTextEncoder
from .lstm_text_encoder import LSTMTextEncoder
from .tokenizer import WordTokenizer
from .vocabulary import Vocabulary
from .word_text_encoder import WordTextEncoder
from .word_vectors import read_word_vectors

__all__ = [
    "BaseTextEncoder",
    "EmbeddingTextEncoder",
    "GRUTextEncoder",
    "LSTMTextEncoder",
    "TokenBatch",
    "Vocabulary",
    "WordTextEncoder",
    "WordTokenizer",
    "read_word_vectors",
]
