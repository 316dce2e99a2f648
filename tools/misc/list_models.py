"""Lists all models: ``python tools/misc/list_models.py``. See ``--help``.

A model is a config with an entry in the metafile of its method. Text encoder and
backbone are read from the config, numbers from the metafile.

``--update-readmes`` writes the tables of results in the READMEs of the methods anew, in
between the two comments that mark them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.config_types import suggest_name
from mmris.utils.model_index import SOURCES, read_model_index
from mmris.utils.results_table import in_percent, marked, results_text
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmris.utils.model_index import IndexedModel, Result

COLUMNS = (
    "name",
    "method",
    "text encoder",
    "backbone",
    "dataset",
    "published",
    "ours",
)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description="List all models with their results.", allow_abbrev=False
    )
    parser.add_argument("--method", metavar="NAME", help="only those of this method")
    parser.add_argument(
        "--weights", action="store_true", help="only those with trained weights"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with all numbers"
    )
    parser.add_argument(
        "--update-readmes",
        action="store_true",
        help="write the tables in the READMEs of the methods, print nothing",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    return make_parser().parse_args(argv)


def of_method(models: Sequence[IndexedModel], method: str) -> list[IndexedModel]:
    """The models of a method.

    Args:
        models: All.
        method: Its name; capitals do not matter.

    Raises:
        ValueError: There is no such method.
    """
    chosen = [model for model in models if model.method.lower() == method.lower()]
    if not chosen:
        known = {model.method for model in models}
        raise ValueError(f"--method {method}: {suggest_name(method, known)}")
    return chosen


def parts_of(model: IndexedModel) -> tuple[str, str]:
    """Text encoder and backbone, as the config has them.

    Args:
        model: The model.
    """
    config = load_config(model.config).model
    text = config.text_encoder.type.removesuffix("TextEncoder")
    backbone = config.backbone
    size = backbone.get("arch", backbone.get("depth"))
    if not isinstance(size, str | int):
        return text, backbone.type
    return text, f"{backbone.type}-{size}"


def summary(results: Iterable[Result], source: str) -> str:
    """The first metric of the results of a source, split by split.

    Args:
        results: Of one model on one dataset.
        source: Which.
    """
    for result in results:
        if result.source == source and result.scores:
            metric = result.scores[0].metric
            values = [
                f"{score.split} {in_percent(score.value, source)}"
                for score in result.scores
                if score.metric == metric
            ]
            return f"{metric} {', '.join(values)}"
    return ""


def overview(models: Sequence[IndexedModel]) -> list[tuple[str, ...]]:
    """A row for each model and dataset.

    Args:
        models: The models.
    """
    rows = []
    for model in models:
        start = (model.name, model.method, *parts_of(model))
        datasets = list(dict.fromkeys(result.dataset for result in model.results))
        for dataset in datasets or [""]:
            own = [result for result in model.results if result.dataset == dataset]
            numbers = (summary(own, source) for source in SOURCES)
            rows.append((*start, dataset, *numbers))
    return rows


def as_dict(model: IndexedModel) -> dict[str, Any]:
    """A model for JSON.

    Args:
        model: The model.
    """
    text, backbone = parts_of(model)
    return {
        "name": model.name,
        "method": model.method,
        "headline": model.headline,
        "config": model.config.relative_to(PACKAGE_CONFIGS.parent).as_posix(),
        "text_encoder": text,
        "backbone": backbone,
        "results": [asdict(result) for result in model.results],
        "weights": None if model.weights is None else asdict(model.weights),
    }


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table whose columns are as wide as they must be.

    Args:
        rows: The first is the head.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"| {' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([lines[0], rule, *lines[1:]])


def update_readmes(models: Sequence[IndexedModel]) -> None:
    """Write the results into the READMEs beside the configs.

    Args:
        models: Whose.
    """
    for folder, own in groupby(models, key=lambda model: model.config.parent):
        file = folder / "README.md"
        text = marked(file.read_text(encoding="utf-8"), results_text(list(own)), file)
        file.write_text(text, encoding="utf-8")


def list_models(args: argparse.Namespace) -> int:
    """List, or write the READMEs."""
    models = read_model_index()
    if args.method is not None:
        models = of_method(models, args.method)
    if args.weights:
        models = [model for model in models if model.weights is not None]
    if args.update_readmes:
        update_readmes(models)
    elif args.json:
        print(json.dumps([as_dict(model) for model in models], indent=2))
    else:
        print(aligned([COLUMNS, *overview(models)]))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """List; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: list_models(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
