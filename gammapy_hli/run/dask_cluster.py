"""The adapter to a Dask cluster (extra ``[dask]``): same results, other workers."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from gammapy_hli.base.errors import ConfigError, InputError, Problem
from gammapy_hli.run.processes import Result, WorkerDied, guarded_call

_AHEAD = 4  # items per worker thread that may be under way or wait to be given out
_RETRIES = 2  # a killed worker costs a retry


def dask_results(
    function: Callable[[Any], Any], items: list[Any], *, scheduler: str | None, n_jobs: int
) -> Iterator[Result]:
    """Results in the order of the items, from the workers of a Dask cluster.

    Parameters
    ----------
    scheduler : str or None
        Address (``tcp://host:8786``) or name of a scheduler file; None starts ``n_jobs`` processes on this machine.

    Raises
    ------
    ConfigError
        Where ``distributed`` is not installed.
    InputError
        Where the scheduler does not answer.
    """
    distributed = _import_distributed()
    return _results(distributed, function, items, scheduler, n_jobs)


def _import_distributed() -> Any:
    try:
        import distributed  # late: an optional extra, and slow to load
    except ImportError:
        message = "'dask' needs the package distributed, which is not installed"
        hint = "Install gammapy_hli[dask], or set general.executor to process."
        raise ConfigError(Problem("missing-extra", "general.executor", message, hint=hint)) from None
    return distributed


def _results(
    distributed: Any, function: Callable[[Any], Any], items: list[Any], scheduler: str | None, n_jobs: int
) -> Iterator[Result]:
    with ExitStack() as stack:
        client = stack.enter_context(_connect(distributed, scheduler, n_jobs))
        n_threads = sum(client.nthreads().values()) or n_jobs
        pending: dict[int, Any] = {}
        stack.callback(lambda: client.cancel(list(pending.values())))
        next_in = 0
        for next_out in range(len(items)):
            while next_in < min(len(items), next_out + _AHEAD * n_threads):
                data = pickle.dumps(items[next_in])
                pending[next_in] = client.submit(guarded_call, function, data, pure=False, retries=_RETRIES)
                next_in += 1
            yield _take(distributed, pending.pop(next_out), items[next_out])


def _connect(distributed: Any, scheduler: str | None, n_jobs: int) -> Any:
    if scheduler is None:
        return distributed.Client(n_workers=n_jobs, threads_per_worker=1, processes=True, dashboard_address=None)
    try:
        if "://" in scheduler:
            return distributed.Client(scheduler, timeout="30s")
        return distributed.Client(scheduler_file=scheduler, timeout="30s")
    except (OSError, TimeoutError) as error:
        message = f"general.scheduler: no Dask scheduler answers at {scheduler!r} ({error}); start it, or correct it"
        raise InputError(message) from error


def _take(distributed: Any, future: Any, item: Any) -> Result:
    try:
        return future.result()
    except distributed.KilledWorker as error:
        died = WorkerDied(f"the Dask workers that worked on {item!r} ended, {_RETRIES + 1} times: {error}")
        return Result(error=died, traceback=f"{type(died).__name__}: {died}\n", is_remote=True)
