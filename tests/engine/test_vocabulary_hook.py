from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner, load_checkpoint
from torch.utils import data

from mmris.engine.hooks.vocabulary_hook import VocabularyHook
from mmris.models.text_encoders import LSTMTextEncoder
from mmris.registry import HOOKS

SENTENCES = ["the red circle", "the blue circle", "the square"]
WORDS = ("the", "circle", "blue", "red", "square")


class Silent(BaseDataset):
    """Items are sentences, and there is no way to get at them all."""

    def __init__(self, sentences):
        self._sentences = sentences
        super().__init__(serialize_data=False)

    def load_data_list(self):
        return [{"sentence": sentence} for sentence in self._sentences]

    def prepare_data(self, idx):
        return {"sentence": self._sentences[idx]}


class Sentences(Silent):
    def sentences(self):
        yield from self._sentences


class Model(BaseModel):
    def __init__(self, **arguments):
        super().__init__()
        self.text_encoder = LSTMTextEncoder(
            **{
                "num_embeddings": 12,
                "embedding_channels": 3,
                "hidden_channels": 4,
                **arguments,
            }
        )

    def forward(self, sentence, mode="tensor"):
        text = self.text_encoder(sentence)
        if mode == "loss":
            return {"loss": text.sentence.square().mean()}
        return text.sentence


def make_runner(dataset, model=None, hooks=()):
    return SimpleNamespace(
        model=Model() if model is None else model,
        train_dataloader=SimpleNamespace(dataset=dataset),
        hooks=list(hooks),
    )


def words(model):
    return model.text_encoder.vocabulary.words[4:]


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def real_runner(tmp_path):
    """A runner of two iterations that writes a checkpoint at the end."""
    count = iter(range(100))

    def make(**settings):
        config = {
            "work_dir": str(tmp_path / str(next(count))),
            "train_dataloader": {
                "batch_size": 2,
                "num_workers": 0,
                "sampler": {"type": "InfiniteSampler", "shuffle": False},
                "dataset": Sentences(SENTENCES),
            },
            "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 2},
            "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
            "custom_hooks": [VocabularyHook()],
            "default_hooks": {
                "checkpoint": {
                    "type": "CheckpointHook",
                    "interval": 2,
                    "by_epoch": False,
                }
            },
            "log_level": "WARNING",
            "experiment_name": f"vocabulary{next(count)}_{tmp_path.name}",
            "model": Model(),
            **settings,
        }
        config["cfg"] = Config({"train_cfg": config["train_cfg"]})
        return Runner(**config)

    return make


def test_registered():
    assert isinstance(HOOKS.build({"type": "VocabularyHook"}), VocabularyHook)


def test_builds_from_the_training_sentences(log):
    runner = make_runner(Sentences(SENTENCES))
    VocabularyHook().before_train(runner)
    assert words(runner.model) == WORDS
    assert (
        "Vocabulary of 9 entries, built from the training sentences: 0.00% of the "
        "words of the 3 training sentences are unknown"
    ) in log.text


def test_says_how_many_words_have_no_row(log):
    runner = make_runner(Sentences(SENTENCES), Model(num_embeddings=6))
    VocabularyHook().before_train(runner)
    assert words(runner.model) == WORDS[:2]
    assert "37.50% of the words" in log.text


@pytest.mark.parametrize(
    "wrap",
    [
        ConcatDataset,
        lambda parts: data.ConcatDataset([RepeatDataset(p, times=2) for p in parts]),
        lambda parts: data.Subset(data.ConcatDataset(parts), [0]),
    ],
)
def test_wrapped_datasets(wrap):
    dataset = wrap([Sentences(SENTENCES[:1]), Sentences(SENTENCES[1:])])
    runner = make_runner(dataset)
    VocabularyHook().before_train(runner)
    assert words(runner.model) == WORDS


def test_wrapped_model(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    try:
        model = MMDistributedDataParallel(Model(), device_ids=None)
        VocabularyHook().before_train(make_runner(Sentences(SENTENCES), model))
        assert words(model.module) == WORDS
    finally:
        torch.distributed.destroy_process_group()


def test_words_that_are_there_stay(log):
    model = Model()
    model.text_encoder.build_vocabulary(["the red square"])
    VocabularyHook().before_train(make_runner(Sentences(SENTENCES), model))
    assert words(model) == ("red", "square", "the")
    assert "Vocabulary of 7 entries, given before: 37.50% of the words" in log.text


def test_model_without_words_is_left_alone():
    runner = make_runner(Silent(SENTENCES), torch.nn.Linear(2, 2))
    VocabularyHook().before_train(runner)


def test_dataset_without_sentences(log):
    runner = make_runner(ConcatDataset([Sentences(SENTENCES), Silent(SENTENCES)]))
    message = "dataset Silent has no method sentences.*model.text_encoder.vocabulary"
    with pytest.raises(TypeError, match=message):
        VocabularyHook().before_train(runner)
    model = Model()
    model.text_encoder.build_vocabulary(SENTENCES)
    VocabularyHook().before_train(make_runner(Silent(SENTENCES), model))
    assert "training sentences" not in log.text


def test_training_from_nothing_then_resuming(real_runner, tmp_path):
    first = real_runner()
    first.train()
    assert words(first.model) == WORDS
    checkpoint = f"{first.work_dir}/iter_2.pth"
    model = Model()
    load_checkpoint(model, checkpoint, strict=True)
    assert words(model) == WORDS
    other = Sentences(["something else"])
    second = real_runner(
        load_from=checkpoint,
        resume=True,
        train_cfg={"type": "IterBasedTrainLoop", "max_iters": 3},
        train_dataloader={
            "batch_size": 1,
            "num_workers": 0,
            "sampler": {"type": "InfiniteSampler", "shuffle": False},
            "dataset": other,
        },
    )
    second.train()
    assert words(second.model) == WORDS


@pytest.mark.parametrize("update_buffers", [False, True])
@pytest.mark.parametrize("begin_iter", [0, 1])
def test_averaged_models_know_the_words(real_runner, update_buffers, begin_iter):
    def hooks():
        return [
            VocabularyHook(),
            EMAHook(begin_iter=begin_iter, update_buffers=update_buffers),
        ]

    first = real_runner(custom_hooks=hooks())
    first.train()
    checkpoint = f"{first.work_dir}/iter_2.pth"
    model = Model()
    load_checkpoint(model, checkpoint, strict=True)
    assert words(model) == WORDS
    again = real_runner(custom_hooks=hooks(), load_from=checkpoint)
    again.train()
    assert words(again.model) == WORDS
