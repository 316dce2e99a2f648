"""Tells folders from names on the Hugging Face hub, and says what to do if it fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import transformers

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", flags=re.ASCII)


def is_folder(source: str, *, key: str) -> bool:
    """Whether a source is a folder; otherwise it is a name on the hub.

    Args:
        source: A path, or a name such as ``bert-base-uncased``.
        key: The config key that it stands in.

    Returns:
        True for a folder that is there.

    Raises:
        FileNotFoundError: It can only be a path, and there is no such folder.
        ValueError: It is a file.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return True
    if path.is_file():
        raise ValueError(
            f"{key} is the file {source}; give the folder that it lies in, or the name "
            "of a model on the Hugging Face hub"
        )
    if not _HUB_NAME.fullmatch(source):
        raise FileNotFoundError(
            f"{key} is {source}, and there is no such folder; correct the path, or "
            "give the name of a model on the Hugging Face hub"
        )
    return False


def unavailable(source: str, what: str, *, key: str, error: Exception) -> OSError:
    """The error to raise when transformers could not read something.

    Args:
        source: A folder, or a name on the hub.
        what: What was wanted of it.
        key: The config key that the source stands in.
        error: What transformers said.

    Returns:
        An error with the remedy.
    """
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if Path(source).expanduser().is_dir():
        return OSError(
            f"the folder {source}, named by {key}, gives no {what}: {reason}. Save "
            "what is missing into it by save_pretrained, or name another"
        )
    return OSError(
        f"no {what} of {source!r}, named by {key}: there is no such folder, and the "
        f"Hugging Face hub does not give it: {reason}. Correct the name; or, without a "
        f"network, run 'hf download {source} --local-dir FOLDER' where there is one, "
        f"and set {key} to the folder"
    )


def library_class(name: str | None) -> Any:
    """A class of transformers, which finds it when it is asked for.

    Args:
        name: Its name.

    Returns:
        The class. Any, because the releases of transformers annotate it differently.
    """
    return getattr(transformers, str(name))
