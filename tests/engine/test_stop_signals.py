import os
import signal
import subprocess
import sys
import time

import pytest

from mmris.engine.interruption import Interrupted
from mmris.engine.stop_signals import StopSignals


@pytest.fixture(autouse=True)
def _handlers_of_python():
    """Whatever ran before, and after it."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: 0}
    before = {number: signal.signal(number, new) for number, new in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def signals():
    signals = StopSignals(lambda frame: True)
    signals.install()
    yield signals
    signals.restore()


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # the handler runs between two instructions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(signals, number, capfd):
    assert signals.received == 0
    send(number)
    assert signals.received == number
    assert "saving a checkpoint after this iteration" in capfd.readouterr().err


def test_a_second_ctrl_c_stops_at_once(signals):
    send(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_what_launchers_send_after_a_ctrl_c_does_not(signals):
    send(signal.SIGINT)
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    assert signals.received == signal.SIGINT


def test_the_signals_are_given_back():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    signals = StopSignals(lambda frame: True)
    signals.install()
    signals.install()
    signals.restore()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_after_an_error_ctrl_c_is_what_it_was_before():
    before = signal.getsignal(signal.SIGINT)
    signals = StopSignals(lambda frame: False)
    signals.install()
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
    assert signals.received == 0


def test_a_child_that_inherits_the_handlers(signals):
    """It leaves Ctrl-C to the parent, and ends by SIGTERM as any program."""
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert signals.received == 0


def test_workers_outlive_all_signals_but_their_parents():
    """In a forked process, as workers are: it has no other threads yet."""
    code = (
        "import os, signal, time\n"
        "from mmris.engine.stop_signals import ShieldedWorker\n"
        "read, write = os.pipe()\n"
        "worker = os.fork()\n"
        "if worker == 0:\n"
        "    started = []\n"
        "    ShieldedWorker(started.append)(3)\n"
        "    for number in (signal.SIGINT, signal.SIGTERM) * 2:\n"
        "        os.kill(os.getpid(), number); time.sleep(0.01)\n"
        "    os.write(write, str(started).encode())\n"
        "    time.sleep(60)\n"
        "os.close(write)\n"
        "print(os.read(read, 9).decode())\n"
        "os.kill(worker, signal.SIGTERM)\n"
        "_, status = os.waitpid(worker, 0)\n"
        "print(os.WIFEXITED(status), os.WEXITSTATUS(status))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.split("\n")[-3:-1] == ["[3]", "True 0"]


def test_exit_codes_are_those_of_the_shell():
    stop = Interrupted(signal.SIGINT, "run/iter_3.pth")
    assert stop.exit_code == 130
    assert str(stop) == "stopped by Ctrl-C; the state is saved in run/iter_3.pth"
    assert Interrupted(signal.SIGTERM, "a").exit_code == 143
