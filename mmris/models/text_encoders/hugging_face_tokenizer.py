"""Loads a tokenizer of Hugging Face from a file, a folder, the hub, or CLIP's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .clip_tokenizer import make_clip_tokenizer
from .hugging_face_source import is_folder, library_class, unavailable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .hugging_face_families import EncoderFamily

CLIP_TOKENIZER = "clip"
TOKENIZER_KEY = "model.text_encoder.tokenizer"


def load_tokenizer(
    source: str, family: EncoderFamily, *, key: str = TOKENIZER_KEY
) -> PreTrainedTokenizerBase:
    """Load a tokenizer.

    Args:
        source: ``"clip"``; a word list of BERT (one token a line, .txt) or a
            tokenizer.json; a folder; or a name on the hub.
        family: What kind of model it is for.
        key: The config key that the source stands in.

    Returns:
        The tokenizer, which may still be one of another model.

    Raises:
        FileNotFoundError: No such file or folder.
        OSError: Folder or hub do not give a tokenizer.
        ValueError: A file of another kind.
    """
    if source == CLIP_TOKENIZER:
        return make_clip_tokenizer()
    path = Path(source).expanduser()
    if path.is_file():
        return _from_file(path)
    if path.suffix in (".txt", ".json"):
        raise FileNotFoundError(
            f"{TOKENIZER_KEY} is {source}, and there is no such file; correct the path"
        )
    local = is_folder(source, key=key)
    try:
        if not local:
            tokenizer: PreTrainedTokenizerBase = library_class(
                "AutoTokenizer"
            ).from_pretrained(source)
        elif (path / "tokenizer_config.json").is_file():
            tokenizer = library_class("AutoTokenizer").from_pretrained(
                str(path),
                # Old folders do not name their class, the kind of model does then.
                config=library_class("AutoConfig").for_model(family.tokenizer_type),
                local_files_only=True,
            )
        else:
            tokenizer = library_class(family.tokenizer_class).from_pretrained(
                str(path), local_files_only=True
            )
    # Whatever is missing, transformers says it by yet another kind of error.
    except Exception as error:
        what = "tokenizer" if key == TOKENIZER_KEY else f"tokenizer ({TOKENIZER_KEY})"
        raise unavailable(source, what, key=key, error=error) from error
    return tokenizer


def _from_file(path: Path) -> PreTrainedTokenizerBase:
    try:
        if path.suffix == ".txt":
            # By position: transformers 5 ignores the name of transformers 4 and would
            # take every word for an unknown one.
            words: PreTrainedTokenizerBase = library_class("BertTokenizerFast")(
                str(path), do_lower_case=not _is_cased(path)
            )
            return words
        if path.suffix == ".json":
            any_kind: PreTrainedTokenizerBase = library_class(
                "PreTrainedTokenizerFast"
            )(tokenizer_file=str(path))
            return any_kind
    except Exception as error:  # the tokenizers library raises bare exceptions
        raise ValueError(
            f"{path}, named by {TOKENIZER_KEY}, is not the tokenizer that its suffix "
            f"says: {error}; correct the path"
        ) from error
    raise ValueError(
        f"{TOKENIZER_KEY} is the file {path}; give a word list of BERT (.txt, one "
        "token a line), a tokenizer.json, or the folder that the file lies in"
    )


def _is_cased(path: Path) -> bool:
    """Whether a word list has capital letters besides entries such as ``[CLS]``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return any(
        line != line.lower() and not (line.startswith("[") and line.endswith("]"))
        for line in lines
    )
