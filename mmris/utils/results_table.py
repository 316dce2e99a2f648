"""Results of a method's models as Markdown, for its README."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .model_index import DATASETS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model_index import IndexedModel, Result

# What stands around the tables in a README.
BEGIN = "<!-- results: made by tools/misc/list_models.py --update-readmes -->"
END = "<!-- end of results -->"


def in_percent(value: float, source: str) -> str:
    """A score as it is printed: papers give two digits.

    Args:
        value: In percent.
        source: Of the result.
    """
    return f"{value:.{2 if source == 'paper' else 1}f}"


def results_text(models: Sequence[IndexedModel]) -> str:
    """What stands between the marks of a method's README.

    Args:
        models: Those of the method.
    """
    pairs = [(model, result) for model in models for result in model.results]
    order = [(dataset, source) for dataset in DATASETS for source in SOURCES]
    pairs.sort(key=lambda pair: order.index((pair[1].dataset, pair[1].source)))
    blocks = []
    for (dataset, source), group in groupby(
        pairs, key=lambda pair: (pair[1].dataset, pair[1].source)
    ):
        chosen = list(group)
        origin = "the paper's numbers" if source == "paper" else "ours"
        blocks += [f"{dataset}, {origin}:", _results_table(chosen)]
        if source == "ours":
            blocks += [
                f"`{model.name}` by `{result.command}`." for model, result in chosen
            ]
    trained = [
        f"[{m.name}](../../weights/{Path(m.weights.address).name})"
        for m in models
        if m.weights is not None
    ]
    if trained:
        what = "Trained weights, for `mmris segment --model NAME` and the like"
        blocks.append(f"{what}: {', '.join(trained)}.")
    silent = [f"[{m.name}]({m.config.name})" for m in models if not m.results]
    if silent:
        blocks.append(f"No numbers, neither published nor ours: {', '.join(silent)}.")
    return "\n\n".join(blocks)


def _results_table(pairs: Sequence[tuple[IndexedModel, Result]]) -> str:
    """Results of one source on one dataset, a row for each split.

    Args:
        pairs: Models and their results.
    """
    scores = [score for _, result in pairs for score in result.scores]
    metrics = list(dict.fromkeys(score.metric for score in scores))
    paper = pairs[0][1].source == "paper"
    head = ["config", "what it is", *(["printed in"] if paper else []), "split"]
    lines = [head + metrics]
    for model, result in pairs:
        about = [f"[{model.name}]({model.config.name})", model.headline]
        if paper:
            about.append(result.table)
        for split in dict.fromkeys(score.split for score in result.scores):
            values = {
                score.metric: in_percent(score.value, result.source)
                for score in result.scores
                if score.split == split
            }
            lines.append([*about, split, *(values.get(m, "") for m in metrics)])
            about = [""] * len(about)
    rows = [
        f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in line)}|" for line in lines
    ]
    rule = "|---" * len(lines[0]) + "|"
    return "\n".join([rows[0], rule, *rows[1:]])


def marked(text: str, results: str, file: Path) -> str:
    """A README with its results replaced.

    Args:
        text: The README.
        results: From :func:`results_text`.
        file: Where it stands, for the message.

    Raises:
        ValueError: The marks are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{file} has no place for the results; write the lines {BEGIN} and {END} "
            "where they belong"
        )
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"
