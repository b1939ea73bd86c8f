"""Signals that meet the program where Python swallows exceptions."""

import os
import signal
import sys
import time

import pytest

from gammapy_hli.base.errors import Terminated
from gammapy_hli.run.signals import termination_raises


class Deaf:
    """Swallows what is raised while it goes."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)
        for _ in range(1000):  # the signal is heard here
            pass


def work(number):
    Deaf(number)
    for _ in range(300):
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)], ids=["SIGTERM", "ctrl-C"]
)
def test_signal_that_was_swallowed_arrives(number, error, capfd):
    hook = sys.unraisablehook
    with pytest.raises(error), termination_raises():
        work(number)
    assert capfd.readouterr().err == ""
    assert sys.unraisablehook is hook
    assert signal.getsignal(signal.SIGALRM) is signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
