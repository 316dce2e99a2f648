"""Serves a page that finds what sentences name: ``python tools/web_demo.py``.

Needs the extra web: ``pip install 'mmris[web]'``. See ``--help`` for models and limits.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.apis import RefSegInferencer
from mmris.utils import trusted_checkpoints
from mmris.utils.model_index import read_model_index
from mmris.utils.tool_errors import run_tool
from mmris.web import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

# Without a name on the command line; more would only take memory.
MAX_MODELS = 6


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Serve a web page that finds what sentences name in pictures.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="NAME",
        help="models with trained weights; all that the model index has if neither "
        "this nor --checkpoint is given",
    )
    parser.add_argument(
        "--checkpoint",
        nargs="+",
        default=[],
        metavar="FILE",
        help="checkpoints, called by the name of their folder",
    )
    parser.add_argument("--host", default="127.0.0.1", help="(%(default)s)")
    parser.add_argument("--port", type=positive, help="from 7860 on if not given")
    parser.add_argument("--device", help="a GPU if there is one, if not given")
    for field in fields(Limits):
        parser.add_argument(
            f"--max-{field.name.replace('_', '-')}",
            dest=field.name,
            type=positive,
            default=field.default,
            metavar="N",
            help="limit (%(default)s)",
        )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read checkpoints even if that runs code that is in them",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser


def positive(text: str) -> int:
    """Read a number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def load_models(args: argparse.Namespace) -> dict[str, RefSegInferencer]:
    """The models by the names that the page shows."""
    names = list(args.model)
    if not names and not args.checkpoint:
        index = [model.name for model in read_model_index() if model.weights]
        names = index[:MAX_MODELS]
    if not names and not args.checkpoint:
        raise ValueError(
            "the model index has no trained weights yet; give --checkpoint, as "
            "training wrote it"
        )
    models = {
        name: RefSegInferencer(None, None, args.device, model=name) for name in names
    }
    for path in map(Path, args.checkpoint):
        name = path.resolve().parent.name
        while name in models:
            name += "'"
        models[name] = RefSegInferencer(None, path, args.device)
    return models


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; what people sent is deleted then."""
    limits = Limits(
        **{field.name: getattr(args, field.name) for field in fields(Limits)}
    )
    with tempfile.TemporaryDirectory(prefix="mmris-web-") as folder:
        # Gradio reads them when it is imported. It tells nobody that it runs.
        os.environ["GRADIO_TEMP_DIR"] = folder
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        from mmris.web.page import WebPage  # noqa: PLC0415
        from mmris.web.serving import launch  # noqa: PLC0415

        with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
            models = load_models(args)
        page = WebPage(models, limits, Path(folder)).build()
        address = launch(page, limits, host=args.host, port=args.port, block=False)
        print(f"serving {', '.join(models)} at {address}", flush=True)
        page.block_thread()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; 2 if something is wrong."""
    args = make_parser().parse_args(argv)
    return run_tool(lambda: serve(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
