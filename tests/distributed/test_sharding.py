"""The five systems train and validate alike with whole and with sharded parameters."""

import json

import pytest

from mmris.utils import load_checkpoint_file
from tests.conftest import REPOSITORY
from tests.distributed.ranks import run_jobs

pytestmark = pytest.mark.slow

SMALL = [
    "train_dataloader.batch_size=2",
    "train_dataloader.num_workers=0",
    "train_dataloader.persistent_workers=False",
    "train_dataloader.dataset.num_images=16",
    "val_dataloader.num_workers=0",
    "val_dataloader.persistent_workers=False",
    # Three pictures, of which the two processes have unequally many sentences, one a
    # chunk.
    "val_dataloader.dataset.num_images=3",
    "model.test_cfg.expressions_per_chunk=1",
    "log_level=ERROR",
]
SHARDED = "model_wrapper_cfg.type=ShardedModel"
NAMES = ("cmsa", "cmpc", "cefnet", "shnet", "jmceln")
CHANGES = {
    # A part that is gathered, one inside it, and one that has two of them inside.
    "cmsa": ["activation_checkpointing=['decode_head','neck.blocks.*']"],
    "cefnet": ["activation_checkpointing=['backbone.layer3','decode_head']"],
    "cmpc": ["default_hooks.channels_last=None"],
    "jmceln": ["default_hooks.channels_last=None"],
    "shnet": ["optim_wrapper.clip_grad.max_norm=0.01"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The state and the scores of each system, whole and sharded."""
    folder = tmp_path_factory.mktemp("sharding")
    jobs, places = [], {}
    for name in NAMES:
        for kind, options in (("whole", []), ("sharded", [SHARDED])):
            places[name, kind] = place = folder / f"{name}_{kind}"
            config = REPOSITORY / f"configs/{name}/{name}_tiny_shapes.py"
            arguments = [str(config), "--work-dir", str(place), "--max-iters", "1"]
            arguments += ["--seed", "3", "--cfg-options", *SMALL]
            arguments += [*CHANGES.get(name, []), *options]
            task = ("tests.distributed.scoring:train", 2, {"arguments": arguments})
            jobs.append(task)
    codes = run_jobs(folder, jobs, timeout=1800)
    assert codes == [[0, 0]] * len(jobs), codes
    found = {}
    for key, place in places.items():
        state = load_checkpoint_file(place / "iter_1.pth")
        (log,) = place.glob("*/vis_data/scalars.json")
        found[key] = state, json.loads(log.read_text().splitlines()[-1])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_sharded_parameters_train_the_same_model(runs, name):
    whole, scores = runs[name, "whole"]
    sharded, found = runs[name, "sharded"]
    assert sharded.keys() == whole.keys()
    assert sharded["state_dict"].keys() == whole["state_dict"].keys()
    # After one step they are a tenth of the gradients; weights would not do, because
    # AdamW makes a whole step of a gradient that is rounding alone.
    expected, states = (run["optimizer"]["state"] for run in (whole, sharded))
    assert states.keys() == expected.keys()
    for key, state in expected.items():
        gradient = state["exp_avg"]
        difference = (states[key]["exp_avg"] - gradient).abs().max()
        assert difference <= 1e-3 * gradient.abs().max() + 1e-9, key
    assert found["mIoU"] == pytest.approx(scores["mIoU"], abs=0.1)


def test_they_train(runs):
    """Else any two would be equal."""
    state = runs["cmsa", "sharded"][0]
    assert any(key.startswith("decode_head") for key in state["state_dict"])
    moments = [entry["exp_avg"] for entry in state["optimizer"]["state"].values()]
    assert sum(bool(moment.abs().max() > 0) for moment in moments) > 10
