"""Page faults tell whether memory comes back from the kernel."""

import ctypes
import subprocess
import sys

import pytest

from mmris.engine import build_runner
from mmris.engine.freed_memory import keep_freed_memory

PROGRAM = """
import resource, sys
import torch
from mmris.engine.freed_memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit("no glibc")
torch.empty(2**22).fill_(1)  # 16 MB, the first time whatever is set
before = faults()
for _ in range(20):
    # Together, for glibc keeps a single block of such a size once it has seen it.
    blocks = [torch.empty(2**22).fill_(1) for _ in range(4)]
    del blocks
print(faults() - before)
"""


def faults(how):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        check=False,
        capture_output=True,
        text=True,
    )
    if "no glibc" in run.stderr:
        pytest.skip("the C library is not glibc")
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def test_pages_are_not_taken_anew_in_every_step():
    pages_of_a_round = 4 * 2**24 // 4096
    assert faults("as it is") > 10 * pages_of_a_round
    assert faults("keep") < 3 * pages_of_a_round


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_nothing_is_touched(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert not keep_freed_memory()


def test_other_libraries_have_no_such_function(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()


@pytest.mark.parametrize("gpu", [True, False])
def test_runners_keep_it_on_cpus_alone(gpu, monkeypatch):
    module = sys.modules[build_runner.__module__]
    calls = []
    monkeypatch.setattr(module, "is_cuda_available", lambda: gpu)
    monkeypatch.setattr(module, "keep_freed_memory", lambda: calls.append(1))
    with pytest.raises(ValueError, match="no registered runner"):
        build_runner({"runner_type": "NoRunner"})
    assert len(calls) == (0 if gpu else 1)
