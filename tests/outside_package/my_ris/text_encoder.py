"""Words without a vocabulary: a hash of the word says which row is its own."""

import zlib

import torch
from torch import nn

from mmris.models import BaseTextEncoder
from mmris.models.text_encoders import TokenBatch, WordTokenizer
from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec


@MODELS.register_module()
class HashTextEncoder(BaseTextEncoder):
    def __init__(self, *, num_rows, channels, max_words):
        super().__init__()
        self.words_of = WordTokenizer(max_words=max_words)
        self.table = nn.Embedding(num_rows, channels)

    @property
    def spec(self):
        channels = self.table.embedding_dim
        return TextSpec(token_channels=channels, sentence_channels=channels)

    @torch.compiler.disable
    def tokenize(self, sentences):
        rows = [
            [zlib.crc32(word.encode()) % self.table.num_embeddings for word in words]
            for words in self.words_of(sentences)
        ]
        length = max(map(len, rows))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        mask = torch.tensor([[t < len(row) for t in range(length)] for row in rows])
        device = self.table.weight.device
        return TokenBatch(ids.to(device), mask.to(device))

    def encode(self, batch):  # (N, T) to (N, T, channels) and (N, channels)
        tokens = self.table(batch.ids).masked_fill(~batch.mask[..., None], 0.0)
        sentence = tokens.sum(dim=1) / batch.mask.sum(dim=1, keepdim=True)
        return TextFeatures(tokens, batch.mask, sentence)
