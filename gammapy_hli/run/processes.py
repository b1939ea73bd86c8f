"""Worker processes on this machine: one item each at a time, so that the death of a worker is the death of one item."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import traceback as traceback_module
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.base.errors import HliError
from gammapy_hli.run.worker_logs import collected_logs, replay, sendable

_AHEAD = 3  # items per worker that may be ahead of the one that is given out
_LARGE = 65536  # bytes of an array that is sent beside the pickle
_START_TIMEOUT = 120.0  # seconds within which a new process must report


class WorkerDied(HliError):
    """A worker process ended in the middle of an item."""


@dataclass
class Result:
    """What a worker sends back for one item."""

    value: Any = None
    error: Exception | None = None
    traceback: str = ""
    is_remote: bool = False
    log: list[logging.LogRecord] = field(default_factory=list)


def process_results(function: Callable[[Any], Any], items: list[Any], *, n_jobs: int) -> Iterator[Result]:
    """Results in the order of the items, from ``n_jobs`` processes that live until the iteration ends.

    Log records and warnings of the workers are passed on to the loggers of this process, in the order of the items.

    Raises
    ------
    TypeError
        Where the function cannot be sent to another process.
    RuntimeError
        Where processes cannot be started.
    """
    return _Pool(packed(function), items, n_jobs).results()


def packed(function: Callable[[Any], Any]) -> bytes:
    """A function as bytes for another process; TypeError where that cannot be."""
    try:
        return pickle.dumps(function)
    except Exception as error:
        message = f"{function!r} cannot be sent to another process ({error}); define it in a module, or use n_jobs=1"
        raise TypeError(message) from error


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, task: bytes):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        level = logging.getLogger("gammapy_hli").getEffectiveLevel()
        self.process = context.Process(target=_work, args=(theirs, task, level), daemon=True)
        self.process.start()
        theirs.close()
        self.index: int | None = None
        self.is_ready = False

    def send(self, index: int, item: bytes) -> None:
        self.index = index
        self.pipe.send_bytes(item)

    def death(self) -> str:
        """Why the process ended, in words."""
        self.process.join(5)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            memory = "; often the memory was full" if name == "SIGKILL" else ""
            return f"killed by signal {name}{memory}"
        return f"exit code {code}"

    def end(self) -> None:
        """End the process at once."""
        with suppress(OSError):
            self.pipe.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join(5)


class _Pool:
    """Hands out items and collects results; at most a window of items is under way or waits to be given out."""

    def __init__(self, task: bytes, items: list[Any], n_jobs: int):
        self.task = task
        self.items = items
        self.n_jobs = n_jobs
        self.workers: list[_Worker] = []
        self.done: dict[int, Result] = {}
        self.next_out = 0
        self.next_in = 0

    def results(self) -> Iterator[Result]:
        try:
            for _ in range(self.n_jobs):
                self.workers.append(_Worker(self.task))
            while self.next_out < len(self.items):
                while self.next_out not in self.done:
                    self._wait()
                result = self.done.pop(self.next_out)
                self.next_out += 1
                self._feed()
                replay(result.log)
                yield result
        finally:
            for worker in self.workers:
                worker.end()

    def _feed(self) -> None:
        for worker in self.workers:
            while worker.is_ready and worker.index is None and self._has_next():
                self._give(worker)

    def _has_next(self) -> bool:
        return self.next_in < min(len(self.items), self.next_out + _AHEAD * self.n_jobs)

    def _give(self, worker: _Worker) -> None:
        index = self.next_in
        self.next_in += 1
        try:
            item = pickle.dumps(self.items[index])
        except Exception as error:
            self.done[index] = Result(error=error, traceback=traceback_module.format_exc())
            return
        try:
            worker.send(index, item)
        except OSError:  # it has just died; seen and reported by the next wait
            worker.index = index

    def _wait(self) -> None:
        """Wait for news of any worker and take them all."""
        by_pipe = {worker.pipe: worker for worker in self.workers}
        ready = multiprocessing.connection.wait(list(by_pipe), timeout=_START_TIMEOUT)
        if not ready and not any(worker.is_ready for worker in self.workers):
            raise RuntimeError(f"no worker process started within {_START_TIMEOUT:.0f} s; use n_jobs=1")
        for pipe in ready:
            self._listen(by_pipe[pipe])  # type: ignore[index]
        self._feed()

    def _listen(self, worker: _Worker) -> None:
        try:
            message = _receive(worker.pipe)
        except (EOFError, OSError):
            self._bury(worker)
            return
        if message is None:
            worker.is_ready = True
            return
        assert worker.index is not None
        self.done[worker.index] = message
        worker.index = None

    def _bury(self, worker: _Worker) -> None:
        """Report the item of a dead worker and put a new worker in its place."""
        reason = worker.death()
        worker.end()
        if not worker.is_ready:
            raise RuntimeError(
                f"a worker process ended while it started ({reason}). In a script, put the work under "
                "'if __name__ == \"__main__\":', or use n_jobs=1"
            )
        if worker.index is not None:
            item = self.items[worker.index]
            error = WorkerDied(f"the process that worked on {short(item)} ended: {reason}")
            self.done[worker.index] = Result(error=error, traceback=f"{type(error).__name__}: {error}\n")
        self.workers[self.workers.index(worker)] = _Worker(self.task)


def _work(pipe: Any, task: bytes, level: int) -> None:
    """Life of a worker: announce itself, then an item at a time until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C goes to all; the parent ends us
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
            _send(pipe, result)
    os._exit(0)  # nothing of ours is open; do not wait for threads of libraries


def guarded_call(function: Any, data: bytes, failure: Exception | None = None) -> Result:
    """Call a function on a pickled item; an exception becomes part of the result."""
    try:
        if failure is not None:
            raise failure
        return Result(value=function(pickle.loads(data)), is_remote=True)
    except Exception as error:
        return Result(error=_portable(error), traceback=traceback_module.format_exc(), is_remote=True)


def _send(pipe: Any, result: Result) -> None:
    """Send a result: its pickle, and the memory of large arrays as it is, which spares the time of copies."""
    views: list[memoryview] = []

    def is_in_pickle(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _LARGE:
            return True
        views.append(view)
        return False

    try:
        data = pickle.dumps(result, protocol=5, buffer_callback=is_in_pickle)
    except Exception as error:
        kind = type(result.value).__name__
        problem = TypeError(f"the value of type {kind} cannot be sent from a worker process: {error}")
        data = pickle.dumps(Result(error=problem, traceback=traceback_module.format_exc(), is_remote=True))
        views.clear()
    pipe.send_bytes(pickle.dumps((data, [view.nbytes for view in views])))
    for view in views:
        pipe.send_bytes(view)


def _receive(pipe: Any) -> Result | None:
    """What `_send` sent; None for the first word of a worker."""
    head = pipe.recv_bytes()
    if not head:
        return None
    data, sizes = pickle.loads(head)
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        pipe.recv_bytes_into(buffer)
    result: Result = pickle.loads(data, buffers=buffers)
    return result


def _portable(error: Exception) -> Exception:
    """The exception itself where it can be sent, otherwise a RuntimeError with its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def short(item: Any) -> str:
    """An item in messages."""
    text = repr(item)
    return text if len(text) <= 120 else text[:117] + "..."
