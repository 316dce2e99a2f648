"""Values that ``--cfg-options`` puts into a config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.config import DictAction

from .config_keys import TOP_LEVEL, places_of
from .config_types import suggest_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from mmengine.config import Config

_MOST_PLACES = 3


class KeyValueAction(DictAction):
    """MMEngine's ``DictAction``, which says what an entry must look like."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Read the entries of an option.

        Args:
            parser: The parser.
            namespace: Where the result goes.
            values: The entries.
            option_string: The option.
        """
        for entry in values or ():
            key, equals, _ = str(entry).partition("=")
            if not key or not equals:
                parser.error(f"{option_string} takes KEY=VALUE, not {entry!r}")
        super().__call__(parser, namespace, values, option_string)


def apply_overrides(cfg: Config, options: Mapping[str, Any]) -> None:
    """Put values into a config.

    Keys below the first are checked later, with the whole config
    (:func:`check_config`): they may be arguments that the config does not name.

    Args:
        cfg: The config, changed in place.
        options: Values by dotted key.

    Raises:
        ValueError: Nothing reads the key, or there is no such place.
    """
    for key in options:
        _check_first(cfg, key)
    try:
        cfg.merge_from_dict(dict(options))
    except (KeyError, TypeError, IndexError) as error:
        reason = " ".join(str(part) for part in error.args) or type(error).__name__
        raise ValueError(
            f"--cfg-options {' '.join(options)} leads nowhere in this config: {reason}"
        ) from error


def _check_first(cfg: Config, option: str) -> None:
    first = option.partition(".")[0]
    if first in TOP_LEVEL:
        return
    if first not in cfg:
        raise ValueError(
            f"--cfg-options {option}: the config has no {first!r}; "
            f"{suggest_name(first, {*TOP_LEVEL} & {*cfg} or TOP_LEVEL)}"
        )
    parts = cfg.to_dict()
    places = places_of(parts, first, parts[first])
    if places:
        more = " ..." if len(places) > _MOST_PLACES else ""
        raise ValueError(
            f"--cfg-options {option}: {first!r} is a variable of the config file. Its "
            "value was used when the file was read; changing it now does nothing. "
            f"Change it where it went: {', '.join(places[:_MOST_PLACES])}{more}"
        )
