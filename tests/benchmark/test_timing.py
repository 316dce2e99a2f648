import time

import torch

from mmris.benchmark import Deadline, Spread, take_turns

CPU = torch.device("cpu")


def test_calls_take_turns():
    order = []
    calls = {name: lambda mark, name=name: order.append(name) for name in "ab"}
    times = take_turns(calls, device=CPU, rounds=3)
    assert order == list("ababab")
    assert [len(times[name]) for name in "ab"] == [3, 3]
    assert all(len(steps) == 1 for steps in times["a"])


def test_steps_are_timed_one_by_one():
    def call(mark):
        time.sleep(0.02)
        mark()
        time.sleep(0.05)

    ((first, second),) = take_turns({"call": call}, device=CPU, rounds=1)["call"]
    # A sleep is never shorter, but as much longer as the machine is busy.
    assert 19 <= first < 5000
    assert 49 <= second < 5000


def test_no_round_begins_behind_the_deadline():
    times = take_turns(
        {"a": lambda mark: None}, device=CPU, rounds=9, deadline=Deadline(0.0)
    )
    assert len(times["a"]) == 1


def test_a_deadline_asks_how_long_something_takes():
    assert Deadline(None).allows(1e9)
    assert Deadline(60).allows(1)
    assert not Deadline(60).allows(61)


def test_spread():
    assert Spread.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(3, 2, 4, 1, 5, 5)
    assert Spread.of([7.0]) == Spread(7, 7, 7, 7, 7, 1)


def test_processor_time_does_not_pass_while_the_process_sleeps():
    times = take_turns(
        {"sleep": lambda mark: time.sleep(0.2)}, device=CPU, rounds=1, clock="processor"
    )
    assert times["sleep"][0][0] < 100
