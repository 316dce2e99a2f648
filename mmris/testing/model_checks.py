"""What must hold for every model, to be run on parts of one's own.

Tests of mmris hold its own parts to these rules; a part from another package can be
held to them by one call.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import torch

from mmris.models import WordTextEncoder
from mmris.structures import FusedFeatures, TextFeatures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.models import RefSegmentor

# Of different lengths, so that all but one are padded.
SENTENCES = (
    "the small red circle above the blue square",
    "circle",
    "the largest green one",
)
# What is written into padding: large enough that any weight on it shows.
GARBAGE = 1e4
# Share of the largest value that rounding may change.
TOLERANCE = 1e-4
# What a corner of the picture may do to another corner of the answer, in multiples of
# what it does to its own. Attention over the whole picture spreads evenly before it is
# trained, and hides a mistake; in nine of ten models of our parts one gives 2 and more.
FOREIGN = 2.0
# The corners as (top, left), and where a corner goes when a map is turned or flipped.
CORNERS = ((True, True), (True, False), (False, True), (False, False))
MISPLACED = {
    "left and right are exchanged": (1, 0, 3, 2),
    "top and bottom are exchanged": (2, 3, 0, 1),
    "the map is turned by half a circle": (3, 2, 1, 0),
    "rows and columns are exchanged": (0, 2, 1, 3),
}


class _Case(NamedTuple):
    """Two pictures ``(2, 3, H, W)`` and N expressions, the image of each by index."""

    images: Tensor
    text: TextFeatures
    image_index: Tensor


class _Answer(NamedTuple):
    """What the neck gives for N expressions, and the logits of the decode head."""

    fused: FusedFeatures
    logits: Tensor


def check_model(
    model: RefSegmentor,
    *,
    input_size: tuple[int, int] = (64, 96),
    sentences: Sequence[str] = SENTENCES,
) -> None:
    """Hold a model, of whatever parts, to what mmris promises of every model.

    - Text encoder and neck give the widths that they say they give.
    - Padding never changes an answer: words are padded with zero features, and other
      values in their place change neither the fused maps nor the logits.
    - Batched equals single: in evaluation mode the answer for an expression is the same
      alone and among others, of other images too.
    - The answer depends on the words.
    - What stands in a corner of the picture does to that corner of the answer no less
      than to another: no axes are exchanged, no map is flipped.
    - Every parameter that is trained receives a finite gradient.

    Pictures are random numbers and the model is copied, so that its weights, its
    statistics and its mode stay as they are. A vocabulary that is still empty is made
    of the sentences.

    Args:
        model: The model, freshly built or trained.
        input_size: ``(height, width)`` of the pictures, not square, so that exchanged
            axes show.
        sentences: At least two, of different lengths.

    Raises:
        AssertionError: A rule is broken; the message names the part and the remedy.

    Example:
        >>> from mmris.apis import init_model
        >>> model = init_model("configs/baseline/baseline_tiny_shapes.py")
        >>> check_model(model)
    """
    model = copy.deepcopy(model)
    encoder = model.text_encoder
    if isinstance(encoder, WordTextEncoder) and encoder.vocabulary.is_empty:
        encoder.build_vocabulary(sentences)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, *input_size, generator=generator)
    images = images.to(next(model.parameters()).device)
    with torch.no_grad():
        model.eval()
        _check_text_encoder(model, sentences)
        # Every sentence with every picture, in an order that mixes the pictures.
        text = encoder(list(sentences) * 2)
        index = torch.arange(len(text), device=images.device) % 2
        case = _Case(images, text, index)
        answer = _answer(model, case)
        _check_widths(model, answer)
        _check_padding(model, case, answer)
        _check_rows(model, case, answer)
        _check_words_matter(model, case)
        _check_places(model, case, answer)
    _check_gradients(model, case, sentences)


def _fuse(model: RefSegmentor, case: _Case) -> FusedFeatures:
    encoded = model.encode_image(case.images)
    return model.neck.decode(model.backbone, encoded, case.text, case.image_index)


def _answer(model: RefSegmentor, case: _Case) -> _Answer:
    fused = _fuse(model, case)
    return _Answer(fused, model.decode_head(fused).logits)


def _check_text_encoder(model: RefSegmentor, sentences: Sequence[str]) -> None:
    encoder = model.text_encoder
    part = f"model.text_encoder {type(encoder).__name__}"
    text = encoder(list(sentences))
    _require(not bool(text.mask.all()), "give sentences of different lengths")
    given = (text.tokens.shape[2], text.sentence.shape[1])
    said = (encoder.spec.token_channels, encoder.spec.sentence_channels)
    _require(
        given == said, f"{part} gives the widths {given}, but its spec says {said}"
    )
    padding = text.tokens[~text.mask]
    _require(
        not bool(padding.any()),
        f"{part} leaves features in padded words. Set tokens to zero where mask is "
        "False",
    )
    for row, sentence in enumerate(sentences):
        alone = encoder([sentence])
        length = alone.tokens.shape[1]
        for name, one, other in (
            ("tokens", text.tokens[row, :length], alone.tokens[0]),
            ("sentence", text.sentence[row], alone.sentence[0]),
        ):
            _require(
                _same(one, other),
                f"{part} gives other {name} for {sentence!r} alone than beside longer "
                "sentences. Leave padded words out of every sum and statistic",
            )


def _check_widths(model: RefSegmentor, answer: _Answer) -> None:
    given = tuple(level.shape[1] for level in answer.fused.maps)
    said = model.neck.spec.channels
    _require(
        given == said,
        f"model.neck {type(model.neck).__name__} gives levels of {given} channels, but "
        f"its spec says {said}",
    )


def _check_padding(model: RefSegmentor, case: _Case, answer: _Answer) -> None:
    text = case.text
    tokens = text.tokens.masked_fill(~text.mask[..., None], GARBAGE)
    noisy = case._replace(text=TextFeatures(tokens, text.mask, text.sentence))
    _compare(
        model,
        answer,
        _answer(model, noisy),
        "gives another answer when other values stand in padded words. Give them "
        "weight zero: text.mask is False there",
    )


def _check_rows(model: RefSegmentor, case: _Case, answer: _Answer) -> None:
    for row in range(len(case.text)):
        words = int(case.text.mask[row].sum())
        own = case.text.rows(row, row + 1)
        image = int(case.image_index[row])
        alone = _Case(
            case.images[image : image + 1],
            TextFeatures(own.tokens[:, :words], own.mask[:, :words], own.sentence),
            torch.zeros_like(case.image_index[:1]),
        )
        _compare(
            model,
            _row(answer, row),
            _answer(model, alone),
            "gives another answer for an expression alone than beside others. Take the "
            "image of each by image_index, and nothing over the batch",
        )


def _check_words_matter(model: RefSegmentor, case: _Case) -> None:
    """By the gradient: an untrained encoder's sentences may be very much alike."""
    text = case.text
    tokens = text.tokens.detach().requires_grad_()
    sentence = text.sentence.detach().requires_grad_()
    words = case._replace(text=TextFeatures(tokens, text.mask, sentence))
    with torch.enable_grad():
        total = _answer(model, words).logits.sum()
        heard = total.requires_grad and any(
            gradient is not None and bool(gradient.any())
            for gradient in torch.autograd.grad(
                total, (tokens, sentence), allow_unused=True
            )
        )
    _require(
        heard,
        f"model.neck {type(model.neck).__name__} and model.decode_head "
        f"{type(model.decode_head).__name__} give the same answer whatever the words. "
        "Use tokens or sentence of the text",
    )


def _check_places(model: RefSegmentor, case: _Case, answer: _Answer) -> None:
    """By what other pixels in each corner of the pictures do to the answer."""
    generator = torch.Generator().manual_seed(2)
    changes = torch.zeros(len(CORNERS), len(CORNERS))  # of the picture, of the answer
    for _ in range(2):
        noise = torch.randn(case.images.shape, generator=generator).to(case.images)
        for row, place in enumerate(CORNERS):
            images = case.images.clone()
            _corner(images, place).copy_(_corner(noise, place))
            logits = _answer(model, case._replace(images=images)).logits
            change = (logits - answer.logits).abs()
            changes[row] += torch.stack(
                [_corner(change, other).mean().cpu() for other in CORNERS]
            )
    # By all four corners, as half a circle exchanges two as rows and columns do.
    mistake = max(MISPLACED, key=lambda name: _sum(changes, MISPLACED[name]))
    _require(
        _share(changes, MISPLACED[mistake]) <= FOREIGN,
        f"model.neck {type(model.neck).__name__} and model.decode_head "
        f"{type(model.decode_head).__name__} answer in the wrong place: {mistake}. "
        "Maps are (N, C, H, W); a reshaping of (N, H * W, C) wants a transposition "
        "first",
    )


def _share(changes: Tensor, corners: tuple[int, ...]) -> float:
    """Changes of the corners that move, in multiples of those of the own ones."""
    places = [place for place, goes in enumerate(corners) if goes != place]
    own = float(changes.diagonal()[places].sum())
    foreign = _sum(changes[places], tuple(corners[place] for place in places))
    if own == 0:
        return 0.0 if foreign == 0 else float("inf")
    return foreign / own


def _sum(changes: Tensor, corners: tuple[int, ...]) -> float:
    return float(changes[torch.arange(len(corners)), list(corners)].sum())


def _corner(maps: Tensor, place: tuple[bool, bool]) -> Tensor:
    """A view of an eighth of the rows and columns of ``(..., H, W)``, rounded down."""
    top, left = place
    rows, columns = (max(1, size // 8) for size in maps.shape[-2:])
    maps = maps[..., :rows, :] if top else maps[..., -rows:, :]
    return maps[..., :columns] if left else maps[..., -columns:]


def _check_gradients(
    model: RefSegmentor, case: _Case, sentences: Sequence[str]
) -> None:
    model.train()
    text = model.text_encoder(list(sentences) * 2)
    output = model.decode_head(_fuse(model, case._replace(text=text)))
    named = [output.logits, *output.aux.values()]
    generator = torch.Generator().manual_seed(1)
    seeds = [torch.randn(value.shape, generator=generator).to(value) for value in named]
    torch.autograd.backward(named, seeds)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            raise AssertionError(
                f"model.{name} receives no gradient: nothing uses it, or a detach "
                "stands in between. Remove it, or set requires_grad=False"
            )
        _require(
            bool(torch.isfinite(parameter.grad).all()),
            f"model.{name} receives a gradient that is not finite",
        )


def _row(answer: _Answer, row: int) -> _Answer:
    fused = answer.fused
    index = torch.zeros_like(fused.image_index[:1])
    maps = tuple(fused[level][row : row + 1] for level in range(len(fused)))
    text = tuple(text.rows(row, row + 1) for text in fused.text)
    return _Answer(FusedFeatures(maps, text, index), answer.logits[row : row + 1])


def _compare(model: RefSegmentor, one: _Answer, other: _Answer, what: str) -> None:
    """Name the first part of the chain whose answers differ."""
    levels = range(len(one.fused))
    pairs = [(one.fused[level], other.fused[level]) for level in levels]
    pairs += [
        (first.sentence, second.sentence)
        for first, second in zip(one.fused.text, other.fused.text, strict=True)
    ]
    for first, second in pairs:
        _require(_same(first, second), f"model.neck {type(model.neck).__name__} {what}")
    _require(
        _same(one.logits, other.logits),
        f"model.decode_head {type(model.decode_head).__name__} {what}",
    )


def _same(one: Tensor, other: Tensor) -> bool:
    scale = max(1.0, float(other.abs().max()))
    return bool(torch.allclose(one, other, rtol=0, atol=TOLERANCE * scale))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
