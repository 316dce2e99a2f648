import mmap
import os
import signal
import time

import numpy as np
import torch

from mmris.utils.peak_memory import (
    LargestTensor,
    own_memory,
    peak_growth,
    resident,
)


def test_the_peak_of_what_is_freed_again_is_seen():
    grown = peak_growth(lambda: torch.ones(50_000_000, dtype=torch.uint8).max())
    assert 45 < grown < 80
    assert resident("VmHWM") >= resident("VmRSS") > 50


def test_the_largest_tensor_is_found_forward_and_backward():
    weight = torch.ones(3, 2, requires_grad=True)
    with LargestTensor() as seen:
        (weight @ torch.ones(2, 40)).sum()
    assert seen.shape == (3, 40)
    assert seen.megabytes == 4 * 120 / 1e6
    with torch.no_grad(), LargestTensor() as seen:
        torch.ones(5, dtype=torch.float64)
    assert seen.megabytes == 8 * 5 / 1e6
    total = (weight.double() * 2).sum()
    with LargestTensor() as seen:
        total.backward()
    assert seen.shape == (3, 2)


def test_what_a_process_shares_is_not_its_own(tmp_path):
    own = own_memory(os.getpid())
    path = tmp_path / "block"
    path.write_bytes(bytes(60_000_000))
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    with path.open("rb") as other:
        again = mmap.mmap(other.fileno(), 0, access=mmap.ACCESS_READ)
        child = os.fork()
        if not child:
            np.frombuffer(again, dtype=np.uint8)[::4096].sum()
            time.sleep(60)
        mapped[::4096].sum()
        try:
            time.sleep(0.5)
            assert own_memory(os.getpid()) - own < 30
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    held = np.ones(60_000_000, dtype=np.uint8)
    assert own_memory(os.getpid()) - own > 50
    del held
