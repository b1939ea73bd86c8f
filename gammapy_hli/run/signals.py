"""SIGTERM as an exception, so that locks, folders and processes are cleaned up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gammapy_hli.base.errors import Terminated


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
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated("terminated (SIGTERM)")
