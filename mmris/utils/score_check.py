"""Scores that hooks wait for, held against those that validation gives.

MMEngine looks a score up when the first validation is over, hours into a training.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmengine import registry as root
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import TestLoop, ValLoop

from mmris.evaluation import PredictionWriter, RefSegMetric
from mmris.models import RefSegmentor

from .config_types import find_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Which argument of a hook names scores.
_WAITING = {CheckpointHook: "save_best", EarlyStoppingHook: "monitor"}
# The first score there is.
_FIRST = "auto"


@dataclass(frozen=True)
class _Choice:
    """A score that a hook looks at.

    Attributes:
        path: Dotted key of the hook.
        key: Its argument that names the score.
        name: The score.
        rule: Whether more or less of it is better; None leaves it to the hook.
        hook: The hook's config.
    """

    path: str
    key: str
    name: str
    rule: str | None
    hook: dict[str, Any]


def check_score_names(parts: dict[str, Any], scope: str) -> None:
    """Refuse hooks that wait for a score that no metric of validation gives.

    And two metrics with scores of one name, of which MMEngine's evaluator says so when
    all pictures are predicted.

    Where the names depend on a metric or a loop of another package, nobody can know
    them, and everything passes.

    Args:
        parts: The config.
        scope: Where bare names are looked for.

    Raises:
        ValueError: The dotted key of a hook's argument, and the scores there are; or
            its rule would keep the worst checkpoint; or the key of a metric, and the
            score that another one gives too.
    """
    _scores(parts, "test", TestLoop, scope)
    names = _scores(parts, "val", ValLoop, scope)
    if not names:
        return
    model = find_type((parts.get("model") or {}).get("type"), root.MODELS, scope)
    for choice in _choices(parts, scope):
        # Other models may give losses in validation, which ValLoop adds to the scores.
        if model is not RefSegmentor and "loss" in choice.name:
            continue
        if choice.name != _FIRST and not _is_among(choice.name, names):
            raise ValueError(
                f"{choice.path}.{choice.key} is {choice.name!r}, which no metric of "
                f"val_evaluator gives; {_suggest(choice.name, names)}"
            )
        name = names[0] if choice.name == _FIRST else choice.name
        rule = choice.rule or _inferred_rule(name, choice.hook)
        if rule is None:
            raise ValueError(
                f"{choice.path}.rule is not set, and MMEngine knows none for {name!r}; "
                "set rule='greater'"
            )
        if rule == "less":
            raise ValueError(
                f"{choice.path}.rule is 'less', but the more of {name!r} the better; "
                "set rule='greater'"
            )


def _scores(
    parts: dict[str, Any], phase: str, usual: type, scope: str
) -> list[str] | None:
    """Names of all scores in their order, None if they cannot be known."""
    path = f"{phase}_evaluator"
    evaluator = parts.get(path)
    loop = (parts.get(f"{phase}_cfg") or {}).get("type", usual)
    if find_type(loop, root.LOOPS, scope) is not usual:
        return None
    if isinstance(evaluator, dict) and "metrics" in evaluator:
        kind = evaluator.get("type", Evaluator)
        if find_type(kind, root.EVALUATOR, scope) is not Evaluator:
            return None
        path, evaluator = f"{path}.metrics", evaluator["metrics"]
    metrics = evaluator if isinstance(evaluator, list | tuple) else [evaluator]
    names: list[str] = []
    for number, metric in enumerate(metrics):
        if not isinstance(metric, dict):
            return None
        target = find_type(metric.get("type"), root.METRICS, scope)
        if target is RefSegMetric:
            options = {k: v for k, v in metric.items() if k not in ("type", "_scope_")}
            given = RefSegMetric(**options).score_names()
            double = next((name for name in given if name in names), None)
            if double is not None:
                raise ValueError(
                    f"{path}.{number}.prefix is {metric.get('prefix')!r}, so that two "
                    f"metrics give a score {double!r}; set another prefix for each"
                )
            names.extend(given)
        elif target is not PredictionWriter:  # which gives none
            return None
    return names


def _choices(parts: dict[str, Any], scope: str) -> Iterator[_Choice]:
    named = {
        f"default_hooks.{name}": hook
        for name, hook in (parts.get("default_hooks") or {}).items()
    }
    numbered = {
        f"custom_hooks.{number}": hook
        for number, hook in enumerate(parts.get("custom_hooks") or ())
    }
    for path, hook in {**named, **numbered}.items():
        kind = hook.get("type") if isinstance(hook, dict) else None
        target = find_type(kind, root.HOOKS, scope)
        for base, key in _WAITING.items():
            if isinstance(target, type) and issubclass(target, base):
                names, rules = _listed(hook.get(key)), _listed(hook.get("rule"))
                rules = rules if len(rules) == len(names) else rules[:1] * len(names)
                for name, rule in zip(names, rules or [None] * len(names), strict=True):
                    yield _Choice(path, key, name, rule, hook)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_among(name: str, names: Iterable[str]) -> bool:
    return any(
        name == known or (known.endswith("*") and name.startswith(known[:-1]))
        for known in names
    )


def _suggest(name: str, names: Sequence[str]) -> str:
    with_more = {
        "no_target_scores": RefSegMetric(no_target_scores=True),
        "boundary_iou": RefSegMetric(boundary_iou=True),
    }
    for option, metric in with_more.items():
        if name in metric.score_names():
            return f"set {option}=True there"
    # By far the most common slip is one of large and small letters.
    lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    listed = f"here are {', '.join(names)}"
    return f"did you mean {lower[close[0]]!r}? T{listed}" if close else f"t{listed}"


def _inferred_rule(name: str, hook: dict[str, Any]) -> str | None:
    """The rule that MMEngine takes for a score if it is told none."""
    keys = {key: hook.get(key) for key in ("greater_keys", "less_keys")}
    try:
        rule: str = CheckpointHook(save_best=name, **keys).rules[0]
    except ValueError:
        return None
    return rule
