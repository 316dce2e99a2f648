"""Trainings that are killed at seeded moments end as if they had not been.

``pytest -m slow tests/tools/test_kills.py`` kills fifty; ``pytest`` a few of them.
"""

import os
import random
import signal
import threading
import time

import pytest
from mmengine.runner import Runner
from resumed_runs import BY_EPOCH, BY_ITERATION, assert_equal, state

KILLS = 50
QUICK = (0, 1, 2)
# Where writing a file is cut off: nothing, half, or all of it written; renamed.
STAGES = ("before", "half", "written", "renamed")


class KillAt:
    """Kills this process when it has computed for so long."""

    def __init__(self, number, seconds):
        self.number, self.seconds = number, seconds

    def __call__(self):
        self.end = time.process_time() + self.seconds
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        while time.process_time() < self.end:
            time.sleep(0.001)
        os.kill(os.getpid(), self.number)


class KillInWriting:
    """Kills this process in the midst of writing its n-th file, pointers included."""

    def __init__(self, count, stage):
        self.count, self.stage = count, stage

    def __call__(self):
        fsync, replace = os.fsync, os.replace

        def die():
            os.kill(os.getpid(), signal.SIGKILL)

        def counting_fsync(descriptor):
            self.count -= 1
            if self.count == 0 and self.stage in ("before", "half"):
                size = os.fstat(descriptor).st_size
                os.truncate(descriptor, size // 2 if self.stage == "half" else 0)
                die()
            fsync(descriptor)

        def replacing(source, target):
            if self.count == 0 and self.stage == "written":
                die()
            replace(source, target)
            if self.count == 0:
                die()

        os.fsync, os.replace = counting_fsync, replacing


def kill_of(seed, duration):
    generator = random.Random(seed)
    if seed % 3 == 1:
        return KillInWriting(generator.randint(1, 9), generator.choice(STAGES))
    number = signal.SIGTERM if seed % 6 == 2 else signal.SIGKILL
    return KillAt(number, generator.uniform(0, duration))


def measure():
    """Note how long a whole run computes."""
    train, start = Runner.train, time.process_time()

    def timed(self):
        train(self)
        with open("duration", "w") as file:
            file.write(str(time.process_time() - start))

    Runner.train = timed


@pytest.fixture
def killed_and_resumed(train, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(seeds):
        paths = [write(text, name) for text, name in CASES]
        durations = []
        for number, path in enumerate(paths):
            codes, texts = train(path, f"whole-{number}", change=measure)
            assert codes == [0], texts
            durations.append(float((tmp_path / "duration").read_text()))
        expected = [state(tmp_path / f"whole-{n}") for n in range(len(paths))]
        killed = 0
        for seed in seeds:
            case = seed % len(paths)
            name, path = f"run-{seed}", paths[case]
            # The first run was the slowest, with everything to be read.
            kill = kill_of(seed, 0.6 * durations[case])
            codes, _ = train(path, name, "--resume", change=kill)
            killed += codes != [0]
            # Once more, in what is resumed; that may end before.
            kill = kill_of(seed + 1000, 0.6 * durations[case])
            codes, _ = train(path, name, "--resume", change=kill)
            killed += codes != [0]
            if codes != [0]:
                codes, texts = train(path, name, "--resume", seed=seed)
                assert codes == [0], (seed, texts)
            assert_equal(state(tmp_path / name), expected[case])
            left = list((tmp_path / name).glob(".*.part"))
            assert len(left) <= 2, left
        return killed

    return run


CASES = [(BY_ITERATION, "iterations.py"), (BY_EPOCH, "epochs.py")]


def test_a_few_kills(killed_and_resumed):
    assert killed_and_resumed(QUICK) >= len(QUICK)


@pytest.mark.slow
def test_fifty_kills(killed_and_resumed):
    assert killed_and_resumed(range(KILLS)) >= KILLS
