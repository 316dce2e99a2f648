import torch

from mmris.models.decode_heads import ScoreMaskDecoder
from tests.references.fpn import conv3x3


def test_is_one_convolution_with_a_bias():
    decoder = ScoreMaskDecoder(in_channels=4).double()
    torch.nn.init.constant_(decoder.score.bias, 0.3)
    features = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    logits = decoder(features)
    assert logits.shape == (2, 1, 5, 3)
    for row in range(2):
        expected = conv3x3(features[row], decoder.score.weight) + 0.3
        torch.testing.assert_close(logits[row], expected, rtol=0, atol=1e-12)
    logits.square().sum().backward()
    assert all((p.grad != 0).all() for p in decoder.parameters())
