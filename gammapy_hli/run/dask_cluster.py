"""The adapter to a Dask cluster (extra ``[dask]``): same results, other workers.

A task is a function of a module and a small pickle of its item: workers need the package and the files, nothing else.
The function with its options goes to each worker once. It stands on the cluster as a task of its own, so that it comes
back when the worker that held it is lost.
"""

import logging
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import gammapy_hli
from gammapy_hli.base.errors import ConfigError, HliError, InputError, Problem
from gammapy_hli.run.processes import WorkerDied, packed, short
from gammapy_hli.run.worker import Result, guarded_call
from gammapy_hli.run.worker_logs import collected_logs, replay, sendable

_AHEAD = 4  # items per worker that may be under way or wait to be given out
_AHEAD_AT_LEAST = 16  # so that a cluster that grows with its work sees some
_CONNECT_SECONDS = 10
_LOOK_SECONDS = 5.0  # how often the number of workers is asked for
_PATIENCE = 1.0  # seconds of waiting before the connection is looked at
_CHANCES = 2  # an item that worked beside a deadly one is taken for deadly too: each is tried again on its own
_LOST_FOR_GOOD = "distributed.deploy.lost-worker-timeout"
"""After this time a cluster on this machine looks whether a lost worker is back. One that was lost again and just
starts would be ended, and no other takes its place: where one run kills its workers the last of them goes that way."""
MISSING_HINT = "Install gammapy_hli[dask], or set general.executor to process."
_one_at_a_time = threading.Lock()  # the engine keeps what it has opened in module variables; one task a process
logger = logging.getLogger("gammapy_hli.run")


class ClusterError(HliError):
    """The Dask cluster went away, or its workers cannot do the work."""


def dask_results(
    function: Callable[[Any], Any], items: list[Any], *, scheduler: str | None, n_jobs: int
) -> Iterator[Result]:
    """Results in the order of the items, from the workers of a Dask cluster.

    Log records and warnings of the workers are passed on to the loggers of this process, in the order of the items.
    A worker that is lost costs a retry of its items.

    Parameters
    ----------
    scheduler : str or None
        Address (``tcp://host:8786``) or name of a scheduler file; None starts ``n_jobs`` processes on this machine.

    Raises
    ------
    ClusterError
        The scheduler went away, or the workers have another gammapy_hli.
    ConfigError
        ``distributed`` is not installed.
    InputError
        The scheduler does not answer.
    TypeError
        The function cannot be sent to another process.
    """
    distributed = _import_distributed()
    return _Cluster(distributed, packed(function), items, scheduler, n_jobs).results()


def _import_distributed() -> Any:
    try:
        import distributed  # late: an optional extra, and slow to load
    except ImportError:
        message = "'dask' needs the package distributed, which is not installed"
        raise ConfigError(Problem("missing-extra", "general.executor", message, hint=MISSING_HINT)) from None
    return distributed


class _Cluster:
    """Hands out items and collects results; at most a window of items is under way or waits to be given out."""

    def __init__(self, distributed: Any, task: bytes, items: list[Any], scheduler: str | None, n_jobs: int):
        self.distributed = distributed
        self.task = task
        self.items = items
        self.scheduler = scheduler
        self.n_jobs = n_jobs
        self.name = scheduler or "this machine"
        self.pending: dict[int, Any] = {}
        self._looked = -_LOOK_SECONDS
        self._n_workers = 0
        self._is_told = False

    def results(self) -> Iterator[Result]:
        with ExitStack() as stack:
            self.client = stack.enter_context(self._connect())
            self.function = self.client.submit(pickle.loads, self.task, pure=False)
            stack.callback(self._leave)
            next_in = 0
            for next_out in range(len(self.items)):
                while next_in < min(len(self.items), next_out + self._window()):
                    self.pending[next_in] = self._submit(next_in)
                    next_in += 1
                result = self._take(next_out)
                replay(result.log)
                yield result

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        import dask  # late: comes with distributed

        with dask.config.set({_LOST_FOR_GOOD: "30 days"}), self._client() as client:
            yield client

    @contextmanager
    def _client(self) -> Iterator[Any]:
        if self.scheduler is None:
            options: dict[str, Any] = {
                "n_workers": self.n_jobs,
                "threads_per_worker": 1,
                "processes": True,
                "dashboard_address": None,
            }
        elif "://" in self.scheduler:
            options = {"address": self.scheduler, "timeout": _CONNECT_SECONDS}
        else:
            options = {"scheduler_file": self.scheduler, "timeout": _CONNECT_SECONDS}
        try:
            _knock(self.scheduler)
            client = self.distributed.Client(**options, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            message = f"general.scheduler: no Dask scheduler answers at {self.name} ({error}); start it, or correct it"
            raise InputError(" ".join(message.split())) from None
        try:
            yield client
        finally:
            with suppress(Exception):  # the scheduler may be gone: what matters has been told
                client.close(timeout=2 if self.scheduler else 10)

    def _leave(self) -> None:
        if self.pending:
            with suppress(Exception):
                self.client.cancel([*self.pending.values(), self.function], force=True)

    def _window(self) -> int:
        self._look()
        return max(_AHEAD * self._n_workers, _AHEAD_AT_LEAST)

    def _look(self) -> None:
        """See how many workers there are, now and then; tell when there are none."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        try:
            workers = list(self.client.nthreads())
        except Exception as error:  # a closed connection has many faces
            raise self._gone(error) from error
        if workers and not self._n_workers:  # results come from the workers themselves where they can be reached
            self.client.direct_to_workers = _is_reachable(workers[0])
        self._n_workers = len(workers)
        self._looked = time.monotonic()
        if self._n_workers == 0 and not self._is_told:
            logger.warning("the Dask scheduler at %s has no workers; waiting for some", self.name)
        self._is_told = self._n_workers == 0

    def _submit(self, index: int) -> Any:
        try:
            data = pickle.dumps(self.items[index])
        except Exception as error:
            return Result(error=error, traceback=f"{type(error).__name__}: {error}\n")
        level = logging.getLogger("gammapy_hli").getEffectiveLevel()
        surroundings = (gammapy_hli.__version__, os.getcwd(), level)
        try:
            return self.client.submit(remote_call, self.function, data, surroundings, pure=False, priority=-index)
        except Exception as error:
            raise self._gone(error) from error

    def _take(self, index: int) -> Result:
        n_deaths = 0
        while True:
            try:
                found = self.pending[index]
                result = found if isinstance(found, Result) else self._wait(found)
                break
            except self.distributed.KilledWorker as error:
                n_deaths += error.allowed_failures + 1
                if n_deaths >= _CHANCES * (error.allowed_failures + 1):
                    died = WorkerDied(f"{n_deaths} Dask workers ended while they worked on {short(self.items[index])}")
                    result = Result(error=died, traceback=f"{type(died).__name__}: {died}\n", is_remote=True)
                    break
                self.pending[index] = self._submit(index)
        del self.pending[index]
        return result

    def _wait(self, future: Any) -> Result:
        while True:
            try:
                result: Result = future.result(timeout=_PATIENCE)
                return result
            except self.distributed.KilledWorker:
                raise
            except TimeoutError:  # at work, or lost with its worker and at work again
                self._look()
            except Exception as error:
                if future.status == "error":  # the worker could not even begin
                    text = f"a Dask worker cannot do the work ({type(error).__name__}: {error})"
                    advice = f"install gammapy_hli {gammapy_hli.__version__} and what it needs where the workers run"
                    raise ClusterError(f"{text}; {advice}") from error
                raise self._gone(error) from error

    def _gone(self, error: BaseException) -> ClusterError:
        text = f"the Dask scheduler at {self.name} went away ({type(error).__name__}: {error})"
        return ClusterError(f"{text}; start it and run again: what is done is kept")


def _knock(address: str | None, timeout: float = _CONNECT_SECONDS) -> None:
    """OSError at once where nobody listens at an address; the client would try again and again."""
    place = urlsplit(address or "")
    if place.scheme in ("tcp", "tls") and place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=timeout).close()


def _is_reachable(address: str) -> bool:
    try:
        _knock(address, timeout=2)
    except OSError:
        return False
    return True


def remote_call(function: Any, data: bytes, surroundings: tuple[str, str, int]) -> Result:
    """What a Dask worker does for one item.

    Parameters
    ----------
    function : callable
    data : bytes
        The item, pickled.
    surroundings : (str, str, int)
        Version of this package, working folder and level of the logs of the process that asks.
    """
    version, folder, level = surroundings
    if version != gammapy_hli.__version__:
        message = f"it has gammapy_hli {gammapy_hli.__version__}, the one that asks {version}; install the same"
        raise ClusterError(message)
    with _one_at_a_time, _working_in(folder), collected_logs(level) as records:
        result = guarded_call(function, data)
    result.log = sendable(records)
    return result


@contextmanager
def _working_in(folder: str) -> Iterator[None]:
    """The same working folder, where the worker sees it, so that relative names mean the same."""
    before = os.getcwd()
    with suppress(OSError):
        os.chdir(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(before)
