"""Checks of the arguments that scenes are made from."""

from __future__ import annotations

from .expressions import KINDS

SPLITS = ("train", "val", "testA", "testB")
MIN_SIDE = 32
OBJECT_RANGE = (2, 9)


def check_split(split: str) -> None:
    """Refuse a split that there is not.

    Args:
        split: Its name.

    Raises:
        ValueError: No such split.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; choose one of {SPLITS}")


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse a number out of its range.

    Args:
        name: The argument, for the message.
        value: Its value.
        low: Smallest allowed.
        high: Largest allowed.

    Raises:
        ValueError: The value is out of range.
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; give a number from {low} to {high}")


def check_image_size(size: tuple[int, int]) -> None:
    """Refuse a size that shapes have no room in.

    Args:
        size: ``(height, width)`` in pixels.

    Raises:
        ValueError: Not two numbers, or too small.
    """
    if len(size) != 2 or min(size) < MIN_SIDE:
        raise ValueError(
            f"image_size is {size}; give (height, width), each at least {MIN_SIDE} "
            "pixels"
        )


def check_num_objects(num_objects: tuple[int, int]) -> None:
    """Refuse numbers of shapes that scenes cannot have.

    Args:
        num_objects: Fewest and most.

    Raises:
        ValueError: Out of range, or in the wrong order.
    """
    low, high = OBJECT_RANGE
    if len(num_objects) != 2 or not low <= num_objects[0] <= num_objects[1] <= high:
        raise ValueError(
            f"num_objects is {num_objects}; give (fewest, most), from {low} to {high}"
        )


def check_shares(shares: dict[str, float]) -> None:
    """Refuse shares that are none.

    Args:
        shares: Share of each kind of sentence.

    Raises:
        ValueError: An unknown kind, a negative share, or a sum other than 1.
    """
    unknown = sorted(set(shares) - set(KINDS))
    if unknown:
        raise ValueError(f"kind_shares has unknown kinds {unknown}; known are {KINDS}")
    if min(shares.values(), default=0) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(
            f"kind_shares is {shares}; the shares must not be negative and sum to 1"
        )
