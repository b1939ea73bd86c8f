"""The same function on many items, in order, on one or many processes or a Dask cluster.

The items are cut by the caller and do not depend on the number of processes; outcomes come in the order of the items.
Beside this stand `processes` (workers on this machine) and `dask_cluster` (workers elsewhere).
"""

import traceback as traceback_module
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gammapy_hli.run.dask_cluster import dask_results
from gammapy_hli.run.processes import process_results
from gammapy_hli.run.worker import Result


class Bar(Protocol):
    """What is needed of a progress bar."""

    def update(self, n: int = 1) -> Any: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one item: a value, or an error with its traceback as text.

    Attributes
    ----------
    item : object
    value : object
        None where there is an error.
    error : Exception or None
        The exception itself; `gammapy_hli.run.processes.WorkerDied` where the process ended.
    traceback : str
        Text, empty where there is no error.
    """

    item: Any
    value: Any = None
    error: Exception | None = None
    traceback: str = ""

    @property
    def is_ok(self) -> bool:
        return self.error is None


def map_ordered(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    n_jobs: int = 1,
    on_error: Literal["skip", "stop"] = "skip",
    progress: Bar | None = None,
    executor: Literal["process", "dask"] = "process",
    scheduler: str | None = None,
    size: Callable[[Any], int] | None = None,
) -> Iterator[Outcome]:
    """Call a function on each item and give the outcomes in the order of the items, as they come.

    At most a few items per process are ahead of the one that is given out, so that memory does not grow with the number
    of items. Leaving the iteration early, by an exception too, ends the processes at once.

    Parameters
    ----------
    function : callable
        For more than one process it must be defined in a module (or be a partial of such a one), as must its items.
    items : sequence
    n_jobs : int
        Number of processes; 1 works in this one.
    on_error : {"skip", "stop"}
        "skip" gives the error of an item as its outcome, "stop" raises the first one.
    progress : object with ``update(n)``, optional
        Moved on with each outcome.
    executor : {"process", "dask"}
    scheduler : str, optional
        Address of the Dask scheduler; without it a cluster of ``n_jobs`` processes is started on this machine.
    size : callable, optional
        By how much an item moves the progress on; default 1.
    """
    items = list(items)
    if n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs}; expected 1 or more")
    if on_error not in ("skip", "stop"):
        raise ValueError(f"on_error is {on_error!r}; expected 'skip' or 'stop'")
    if executor == "dask":
        results = dask_results(function, items, scheduler=scheduler, n_jobs=n_jobs)
    elif executor != "process":
        raise ValueError(f"executor is {executor!r}; expected 'process' or 'dask'")
    elif min(n_jobs, len(items)) > 1:
        results = process_results(function, items, n_jobs=min(n_jobs, len(items)))
    else:
        results = _results_here(function, items)
    moves = [1] * len(items) if size is None or progress is None else list(map(size, items))
    return _outcomes(items, results, on_error, progress, moves)


def _outcomes(
    items: list[Any], results: Any, on_error: str, progress: Bar | None, moves: list[int]
) -> Iterator[Outcome]:
    with closing(results):
        for item, result, n in zip(items, results, moves, strict=True):
            if progress is not None:
                progress.update(n)
            if result.error is not None:
                if result.is_remote:
                    result.error.add_note(f"in a worker process:\n{result.traceback}")
                if on_error == "stop":
                    raise result.error
            yield Outcome(item, result.value, result.error, result.traceback)


def _results_here(function: Callable[[Any], Any], items: list[Any]) -> Iterator[Result]:
    for item in items:
        try:
            result = Result(value=function(item))
        except Exception as error:
            result = Result(error=error, traceback=traceback_module.format_exc())
        yield result
