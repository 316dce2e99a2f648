"""What a step on a CPU frees stays at hand for the next step."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt, see its manual page.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# Blocks up to the largest size that glibc allows come from the heap.
_LARGEST_BLOCK = 2**25
_KEPT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have glibc keep up to 2 GB of freed memory instead of giving it back at once.

    A step frees what it has allocated, and glibc would hand the large blocks to the
    kernel and get them back zeroed, page by page, at the next step. The peak is as
    before. Other allocators, such as a preloaded jemalloc, are left alone.

    Returns:
        Whether there is a glibc, and it did.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_MMAP_THRESHOLD, _LARGEST_BLOCK), (_TRIM_THRESHOLD, _KEPT))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)
