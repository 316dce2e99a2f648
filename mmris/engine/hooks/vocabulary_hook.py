"""Gives the text encoder its words before training starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import BaseAveragedModel, is_model_wrapper

from mmris.models.text_encoders import WordTextEncoder
from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class VocabularyHook(Hook):
    """Builds the vocabulary from the training sentences, unless there is one.

    It acts when checkpoints are loaded, so that fine-tuning and resuming keep the words
    that the embeddings belong to; then it only logs how many words of the training
    sentences are unknown. Each process reads the same sentences and finds the same
    words. A model whose text encoder has no word list is left alone.
    """

    def before_train(self, runner: Runner) -> None:
        """Build the vocabulary, or check the one there is.

        Args:
            runner: The runner, its model and checkpoint loaded.

        Raises:
            TypeError: Words are needed and the training dataset gives no sentences.
        """
        encoder = _text_encoder(runner.model)
        if encoder is None:
            return
        datasets = _leaves(runner.train_dataloader.dataset)
        silent = [part for part in datasets if not hasattr(part, "sentences")]
        built = encoder.vocabulary.is_empty
        if built and silent:
            raise TypeError(
                "the vocabulary is built from the training sentences, but the dataset "
                f"{type(silent[0]).__name__} has no method sentences(); add one that "
                "gives all its sentences, or name a word list in "
                "model.text_encoder.vocabulary"
            )
        sentences = [
            text for part in datasets if part not in silent for text in part.sentences()
        ]
        if built:
            encoder.build_vocabulary(sentences)
        _update_averaged_models(runner, encoder)
        if not sentences:
            return
        print_log(
            f"Vocabulary of {len(encoder.vocabulary)} entries, "
            f"{'built from the training sentences' if built else 'given before'}: "
            f"{encoder.unknown_rate(sentences):.2%} of the words of the "
            f"{len(sentences)} training sentences are unknown.",
            logger="current",
        )


def _text_encoder(model: Any) -> WordTextEncoder | None:
    if is_model_wrapper(model) or isinstance(model, BaseAveragedModel):
        model = model.module
    encoder = getattr(model, "text_encoder", None)
    return encoder if isinstance(encoder, WordTextEncoder) else None


def _leaves(dataset: Any) -> list[Any]:
    """The datasets inside wrappers such as ConcatDataset and RepeatDataset."""
    if hasattr(dataset, "sentences"):
        return [dataset]
    if hasattr(dataset, "datasets"):
        return [leaf for part in dataset.datasets for leaf in _leaves(part)]
    if hasattr(dataset, "dataset"):
        return _leaves(dataset.dataset)
    return [dataset]


def _update_averaged_models(runner: Runner, encoder: WordTextEncoder) -> None:
    """Give the words to copies of the model that were made before they were known.

    The checkpoint's word list is the averaged copy's.
    """
    for hook in runner.hooks:
        if not isinstance(hook, EMAHook):
            continue
        averaged = hook.ema_model
        copy = _text_encoder(averaged)
        if copy is not None and copy.vocabulary.is_empty:
            copy.load_state_dict(encoder.state_dict())
        if averaged.update_buffers:
            # What it averages is a state dict from before the words were known.
            averaged.avg_parameters = averaged.module.state_dict()
