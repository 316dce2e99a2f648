from .base_text_encoder import BaseTextEncoder, TokenBatch
from .clip_text_encoder import CLIPTextEncoder
from .embedding_text_encoder import EmbeddingTextEncoder
from .gru_text_encoder import GRUTextEncoder
from .hugging_face_text_encoder import HuggingFaceTextEncoder
from .lstm_text_encoder import LSTMTextEncoder
from .projected_gru_text_encoder import ProjectedGRUTextEncoder
from .subword_text_encoder import SubwordTextEncoder
from .subword_tokenizer import SubwordTokenizer
from .tokenizer import WordTokenizer
from .vocabulary import Vocabulary
from .word_text_encoder import WordTextEncoder
from .word_vectors import read_word_vectors

__all__ = [
    "BaseTextEncoder",
    "CLIPTextEncoder",
    "EmbeddingTextEncoder",
    "GRUTextEncoder",
    "HuggingFaceTextEncoder",
    "LSTMTextEncoder",
    "ProjectedGRUTextEncoder",
    "SubwordTextEncoder",
    "SubwordTokenizer",
    "TokenBatch",
    "Vocabulary",
    "WordTextEncoder",
    "WordTokenizer",
    "read_word_vectors",
]
