from .base_text_encoder import BaseTextEncoder, TokenBatch
from .embedding_text_encoder import EmbeddingTextEncoder
from .gru_text_encoder import GRUTextEncoder
from .hugging_face_text_encoder import HuggingFaceTextEncoder
from .lstm_text_encoder import LSTMTextEncoder
from .subword_tokenizer import SubwordTokenizer
from .tokenizer import WordTokenizer
from .vocabulary import Vocabulary
from .word_text_encoder import WordTextEncoder
from .word_vectors import read_word_vectors

__all__ = [
    "BaseTextEncoder",
    "EmbeddingTextEncoder",
    "GRUTextEncoder",
    "HuggingFaceTextEncoder",
    "LSTMTextEncoder",
    "SubwordTokenizer",
    "TokenBatch",
    "Vocabulary",
    "WordTextEncoder",
    "WordTokenizer",
    "read_word_vectors",
]
