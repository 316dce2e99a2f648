import torch

from mmris.models.necks.progressive_comprehension.word_types import WordTypeClassifier
from mmris.structures import TextFeatures


def make(bias):
    """A classifier that gives every word the same type."""
    classifier = WordTypeClassifier(in_channels=4, channels=3)
    torch.nn.init.zeros_(classifier.score.weight)
    with torch.no_grad():
        classifier.score.bias.copy_(torch.tensor(bias))
    return classifier


MASK = torch.tensor([[True, True, True], [True, False, False]])
TEXT = TextFeatures(torch.randn(2, 3, 4), MASK, torch.randn(2, 5))


def sums():
    words = torch.nn.functional.normalize(TEXT.tokens, dim=2) * MASK[:, :, None]
    return torch.nn.functional.normalize(words.sum(dim=1), dim=1)


def test_order_of_the_types():
    for kind, (relation, entity, sentence) in enumerate(
        [(0, 1, 1), (0, 1, 1), (1, 0, 1), (0, 0, 0)]
    ):
        bias = [-200.0] * 4
        bias[kind] = 200.0
        phrase = make(bias)(TEXT)
        assert torch.equal(phrase.relation, relation * MASK.float())
        torch.testing.assert_close(phrase.entity, entity * sums())
        torch.testing.assert_close(phrase.sentence, sentence * sums())


def test_what_the_text_encoder_says_is_kept_at_unit_length():
    phrase = make([0.0] * 4)(TEXT)
    torch.testing.assert_close(
        phrase.whole, TEXT.sentence / TEXT.sentence.norm(dim=1, keepdim=True)
    )
    torch.testing.assert_close(phrase.relation, 0.25 * MASK.float())
    torch.testing.assert_close(phrase.words.norm(dim=2), MASK.float())


def test_padding_counts_for_nothing():
    noisy = TEXT.tokens.clone()
    noisy[~MASK] = torch.nan
    classifier = WordTypeClassifier(in_channels=4, channels=3)
    phrase = classifier(TextFeatures(noisy, MASK, TEXT.sentence))
    for one, other in zip(phrase, classifier(TEXT)):
        assert torch.equal(one, other)
    assert (phrase.relation[~MASK] == 0).all()
