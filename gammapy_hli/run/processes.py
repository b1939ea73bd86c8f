"""Worker processes on this machine: one item each at a time, so that the death of a worker is the death of one item.

Workers are forked from a process that has loaded what they need and does nothing else (the fork server of Python): none
of the threads and locks of this process are in them, and only the first of them has to wait for imports.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import traceback as traceback_module
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from gammapy_hli.base.errors import HliError
from gammapy_hli.run.worker import Result, SharedFile, receive, work
from gammapy_hli.run.worker_logs import replay

_AHEAD = 3  # items per worker that may be ahead of the one that is given out
_START_TIMEOUT = 120.0  # seconds within which a new process must report


class WorkerDied(HliError):
    """A worker process ended in the middle of an item."""


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


def prepare_workers(modules: Sequence[str] = ()) -> None:
    """Start the process that workers are forked from, which loads modules while this one goes on.

    Parameters
    ----------
    modules : sequence of str
        What the functions of the items import; what this process has of gammapy_hli by now is loaded too.
    """
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver, resource_tracker  # late: not on every system

        own = [
            name for name in sys.modules if name.partition(".")[0] == "gammapy_hli" and name != "gammapy_hli.__main__"
        ]
        context.set_forkserver_preload(sorted({*own, *modules}))
        resource_tracker.ensure_running()  # now: where the server starts it, it lets interrupts through again
        with _interrupts_held():
            forkserver.ensure_running()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """What starts in the block never hears of ctrl-C, which goes to all processes of a terminal; it ends with us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _context() -> Any:
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if has_server else "spawn")


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, task: bytes):
        context = _context()
        self.pipe, theirs = context.Pipe()
        self.board = SharedFile()
        level = logging.getLogger("gammapy_hli").getEffectiveLevel()
        told = (theirs, self.board, task, level, dict(os.environ))
        self.process = context.Process(target=work, args=told, daemon=True)
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
        self.board.close()
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
            prepare_workers()
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
            message = receive(worker.pipe, worker.board.descriptor)
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


def short(item: Any) -> str:
    """An item in messages, on one line."""
    text = " ".join(repr(item).split())
    return text if len(text) <= 120 else text[:117] + "..."
