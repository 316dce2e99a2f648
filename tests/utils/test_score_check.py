import copy

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.registry import METRICS

from mmris.evaluation import RefSegMetric
from mmris.utils.score_check import check_score_names
from tests.conftest import REPOSITORY

TINY = Config.fromfile(REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py")
PREFIXED = {"type": "RefSegMetric", "prefix": "a"}
NAMES = r"oIoU, mIoU, Prec@0\.5, .*, mIoU_\*$"


@METRICS.register_module()
class OwnScores(RefSegMetric):
    """May add any score."""


def check(save_best="oIoU", rule="greater", **options):
    cfg = copy.deepcopy(TINY)
    keys = {key.replace("__", "."): value for key, value in options.items()}
    cfg.merge_from_dict(copy.deepcopy(keys))
    cfg.default_hooks.checkpoint.update(save_best=save_best, rule=rule)
    check_score_names(cfg.to_dict(), "mmris")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("miou", "mIoU"), ("mIou", "mIoU"), ("IoU", "oIoU"), ("prec@0.5", "Prec@0.5")],
)
def test_slips(name, meant):
    message = (
        rf"^default_hooks\.checkpoint\.save_best is '{name}', which no metric of "
        rf"val_evaluator gives; did you mean '{meant}'\? There are {NAMES}"
    )
    with pytest.raises(ValueError, match=message):
        check(name)


@pytest.mark.parametrize("name", ["accuracy", "oIoU_attribute", "loss", "a/oIoU"])
def test_scores_that_there_are_not(name):
    with pytest.raises(ValueError, match=rf"gives; (did you .*)?[tT]here are {NAMES}"):
        check(name)


@pytest.mark.parametrize(
    ("name", "option"), [("gIoU", "no_target_scores"), ("boundary IoU", "boundary_iou")]
)
def test_scores_that_an_option_adds(name, option):
    with pytest.raises(ValueError, match=rf"gives; set {option}=True there$"):
        check(name)
    check(name, **{f"val_evaluator__{option}": True})


def test_scores_that_pass():
    for name in ("oIoU", "mIoU", "Prec@0.7", "mIoU_attribute", "auto", None):
        check(name)
    check("oIoU_words_1-2", val_evaluator__breakdowns=["words_refcoco"])
    check("Prec@0.25", val_evaluator__precision_thresholds=[0.25])
    check("val/mIoU", val_evaluator__prefix="val")


def test_thresholds_and_prefixes_are_those_of_the_config():
    with pytest.raises(ValueError, match=r"'Prec@0\.5', which"):
        check("Prec@0.5", val_evaluator__precision_thresholds=[0.25])
    with pytest.raises(ValueError, match=r"did you mean 'val/mIoU'\?"):
        check("val/miou", val_evaluator__prefix="val")


@pytest.mark.parametrize(
    "evaluator",
    [
        [{"type": "PredictionWriter", "path": "a.jsonl"}, {"type": "RefSegMetric"}],
        {"metrics": [{"type": "RefSegMetric"}]},
        {"type": "Evaluator", "metrics": {"type": RefSegMetric}},
    ],
    ids=["list", "metrics", "evaluator"],
)
def test_every_way_to_write_an_evaluator(evaluator):
    if isinstance(evaluator, dict):
        evaluator = {"_delete_": True, **evaluator}
    check("mIoU", val_evaluator=evaluator)
    with pytest.raises(ValueError, match="did you mean 'mIoU'"):
        check("miou", val_evaluator=evaluator)


@pytest.mark.parametrize(
    "options",
    [
        {"val_evaluator": {"type": "OwnScores"}},
        {"val_evaluator": [{"type": "RefSegMetric"}, {"type": "OwnScores"}]},
        {"val_evaluator": {"_delete_": True, "type": "mmseg.IoUMetric"}},
        {"val_cfg": {"type": "mmpretrain.RetrievalValLoop"}},
        {"val_evaluator": None, "val_cfg": None, "val_dataloader": None},
    ],
    ids=lambda options: str(options)[:60],
)
def test_nobody_knows_what_others_give(options):
    check("top1", "less", **options)


def test_models_of_others_may_give_losses_in_validation():
    check("loss_bce", "less", model__type="OwnModel")
    with pytest.raises(ValueError, match="did you mean 'mIoU'"):
        check("miou", model__type="OwnModel")


# ----- rules


@pytest.mark.parametrize("phase", ["val", "test"])
@pytest.mark.parametrize(
    ("evaluator", "message"),
    [
        (
            [{"type": "RefSegMetric"}, {"type": "RefSegMetric", "boundary_iou": True}],
            r"\.1\.prefix is None, so that two metrics give a score 'oIoU'; set",
        ),
        (
            {"_delete_": True, "metrics": [PREFIXED] * 2},
            r"\.metrics\.1\.prefix is 'a', so that two metrics give a score 'a/oIoU'",
        ),
    ],
)
def test_two_metrics_of_one_name(phase, evaluator, message):
    with pytest.raises(ValueError, match=f"^{phase}_evaluator{message}"):
        check(**{f"{phase}_evaluator": evaluator})
    two = [{"type": "RefSegMetric"}, {"type": "RefSegMetric", "prefix": "again"}]
    check(**{f"{phase}_evaluator": two})


@pytest.mark.parametrize("name", ["mIoU", "auto", "Prec@0.5"])
def test_the_worst_is_not_kept(name):
    shown = "oIoU" if name == "auto" else name
    message = (
        rf"^default_hooks\.checkpoint\.rule is 'less', but the more of '{shown}' the "
        r"better; set rule='greater'$"
    )
    with pytest.raises(ValueError, match=message):
        check(name, "less")


def test_a_rule_that_mmengine_does_not_know():
    check("mIoU", None)
    for name in ("oIoU", "auto"):
        with pytest.raises(ValueError, match=r"rule is not set, .* none for 'oIoU'"):
            check(name, None)


def test_mmengine_fails_at_the_first_validation_without_a_rule_for_auto():
    """Why it is refused: building the hook says nothing."""
    hook = CheckpointHook(save_best="auto")
    with pytest.raises(ValueError, match="Cannot infer the rule for key oIoU"):
        hook._init_rule(hook.rules, ["oIoU"])


def test_several_scores():
    hook = {"_delete_": True, "type": "CheckpointHook", "interval": 1}

    def several(names, rule):
        check(names, rule, default_hooks__checkpoint=dict(hook))

    several(["oIoU", "mIoU"], "greater")
    several(["oIoU", "mIoU"], ["greater", "greater"])
    with pytest.raises(ValueError, match=r"rule is 'less', but the more of 'mIoU'"):
        several(["oIoU", "mIoU"], ["greater", "less"])
    with pytest.raises(ValueError, match="save_best is 'miou'"):
        several(["oIoU", "miou"], "greater")


def test_early_stopping_waits_for_a_score_too():
    hook = {"type": "EarlyStoppingHook", "monitor": "mIoU", "rule": "greater"}
    check(custom_hooks=[{"type": "VocabularyHook"}, hook])
    message = r"^custom_hooks\.1\.monitor is 'miou', .* did you mean 'mIoU'"
    with pytest.raises(ValueError, match=message):
        check(custom_hooks=[{"type": "VocabularyHook"}, {**hook, "monitor": "miou"}])
