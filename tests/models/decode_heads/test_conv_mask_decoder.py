import torch

from mmris.models.decode_heads import ConvMaskDecoder


def test_each_position_writes_the_pixels_it_covers():
    decoder = ConvMaskDecoder(in_channels=3, channels=4, num_convs=0, upscale=2)
    features = torch.randn(2, 3, 4, 5)
    logits = decoder(features)
    assert logits.shape == (2, 1, 8, 10)
    weight, bias = decoder.score.weight[:, :, 0, 0], decoder.score.bias
    for y in range(8):
        for x in range(10):
            which = 2 * (y % 2) + x % 2
            expected = features[:, :, y // 2, x // 2] @ weight[which] + bias[which]
            torch.testing.assert_close(logits[:, 0, y, x], expected)


def test_without_upscale_one_logit_a_position():
    decoder = ConvMaskDecoder(in_channels=3, channels=4, num_convs=2).eval()
    features = torch.randn(2, 3, 4, 5)
    assert decoder(features).shape == (2, 1, 4, 5)
    torch.testing.assert_close(decoder(features[:1]), decoder(features)[:1])
