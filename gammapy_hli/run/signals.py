"""SIGTERM as an exception, so that locks, folders and processes are cleaned up."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gammapy_hli.base.errors import Terminated

_AGAIN = 0.01  # seconds after which an exception that was swallowed is raised again


@contextmanager
def termination_raises() -> Iterator[None]:
    """While the block runs, SIGTERM raises `gammapy_hli.base.errors.Terminated` in the main thread.

    Further signals are ignored during the clean-up. Nothing is changed in other threads, or where a handler is set.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        with _interrupts_arrive():
            yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated("terminated (SIGTERM)")


@contextmanager
def _interrupts_arrive() -> Iterator[None]:
    """An interrupt that meets the program where Python swallows exceptions (in the callback of a weak reference, in
    ``__del__``) is raised again a moment later.
    """
    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return
    swallowed: list[BaseException] = []
    plain = sys.unraisablehook

    def note(lost: Any) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):  # Terminated is one
            swallowed.append(type(lost.exc_value)(*lost.exc_value.args))
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            plain(lost)

    def raise_again(number: int, frame: FrameType | None) -> None:
        if swallowed:
            raise swallowed.pop()

    signal.signal(signal.SIGALRM, raise_again)
    sys.unraisablehook = note
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = plain
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
