"""What happens in a worker process: an item at a time, and how its result comes back.

Large arrays go through a file in memory that the worker and the process that started it share: a third of the time of a
pipe. It has no name, so that nothing is left of it, whoever dies.
"""

import io
import logging
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback as traceback_module
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import reduction
from typing import Any

from gammapy_hli.run.worker_logs import collected_logs, sendable

_LARGE = 65536  # bytes of an array that is sent beside the pickle


@dataclass
class Result:
    """What a worker sends back for one item."""

    value: Any = None
    error: Exception | None = None
    traceback: str = ""
    is_remote: bool = False
    log: list[logging.LogRecord] = field(default_factory=list)


class SharedFile:
    """A file without a name, in memory where the system can; sent to a process while that is started."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self.descriptor = os.memfd_create("gammapy_hli")
        else:
            with tempfile.TemporaryFile() as stream:
                self.descriptor = os.dup(stream.fileno())

    def close(self) -> None:
        with suppress(OSError):
            os.close(self.descriptor)

    def __reduce__(self) -> Any:
        return _received, (reduction.DupFd(self.descriptor),)


def _received(sent: Any) -> int:
    return int(sent.detach())


def work(pipe: Any, board: Any, task: bytes, level: int, environment: dict[str, str]) -> None:
    """Life of a worker: announce itself, then an item at a time until the pipe ends.

    Parameters
    ----------
    pipe : Connection
    board : int
        Descriptor of the shared file. The next item comes only when the arrays of the last one were taken from it.
    task : bytes
        The function, pickled.
    level : int
        Of the logs.
    environment : dict
        Environment variables of now; the fork server may be older.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C goes to all; the parent ends us
    os.environ.clear()
    os.environ.update(environment)
    try:
        function, failure = pickle.loads(task), None
    except Exception as error:
        function, failure = None, error
    with suppress(EOFError, OSError):
        pipe.send_bytes(b"")
        while True:
            data = pipe.recv_bytes()
            with collected_logs(level) as records:
                result = guarded_call(function, data, failure)
            result.log = sendable(records)
            _send(pipe, board, result)
    os._exit(0)  # nothing of ours is open; do not wait for threads of libraries


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def guarded_call(function: Any, data: bytes, failure: Exception | None = None) -> Result:
    """Call a function on a pickled item; an exception becomes part of the result."""
    try:
        if failure is not None:
            raise failure
        return Result(value=function(pickle.loads(data)), is_remote=True)
    except Exception as error:
        return Result(error=_portable(error), traceback=traceback_module.format_exc(), is_remote=True)


def _send(pipe: Any, board: int, result: Result) -> None:
    """Send a result: its pickle through the pipe, the memory of large arrays as it is through the file."""
    views: list[memoryview] = []

    def is_in_pickle(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _LARGE:
            return True
        views.append(view)
        return False

    try:
        data = _pickled(result, is_in_pickle)
        position = 0
        for view in views:
            position += _write_at(board, view, position)
    except Exception as error:
        kind = type(result.value).__name__
        problem = TypeError(f"the value of type {kind} cannot be sent from a worker process: {error}")
        data = pickle.dumps(Result(error=problem, traceback=traceback_module.format_exc(), is_remote=True))
        views.clear()
    pipe.send_bytes(pickle.dumps((data, [view.nbytes for view in views])))


class _Pickler(pickle.Pickler):
    """Takes large quantities, which pickle as a copy of their bytes only, apart: a plain array and what it means."""

    def reducer_override(self, value: Any) -> Any:
        units = sys.modules.get("astropy.units")  # where it was never loaded there is none of them
        if units is None or not isinstance(value, units.Quantity) or value.nbytes < _LARGE:
            return NotImplemented
        return _quantity, (value.value, type(value), vars(value))


def _quantity(array: Any, kind: type, attributes: dict[str, Any]) -> Any:
    value = array.view(kind)
    vars(value).update(attributes)
    return value


def _pickled(result: Result, is_in_pickle: Callable[[pickle.PickleBuffer], bool]) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, protocol=5, buffer_callback=is_in_pickle).dump(result)
    return stream.getvalue()


def _write_at(board: int, view: memoryview, position: int) -> int:
    done = 0
    while done < view.nbytes:
        done += os.pwrite(board, view[done:], position + done)
    return done


def receive(pipe: Any, board: int) -> Result | None:
    """What `_send` sent; None for the first word of a worker. Large arrays are read-only."""
    head = pipe.recv_bytes()
    if not head:
        return None
    data, sizes = pickle.loads(head)
    buffers, position = [], 0
    for size in sizes:
        buffers.append(os.pread(board, size, position))
        if len(buffers[-1]) < size:
            raise EOFError("the shared file ends early")
        position += size
    result: Result = pickle.loads(data, buffers=buffers)
    return result


def _portable(error: Exception) -> Exception:
    """The exception itself where it can be sent, otherwise a RuntimeError with its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
