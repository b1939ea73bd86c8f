"""Runs that are reduced and added up: one by one in this process, in blocks where other processes do the work.

The maps of a run are as large as the sum of many: a worker that adds up a block sends one instead of all of them. The
sum has the same bits either way, see `BlockedStacker`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gammapy_hli.run.context import RunContext
from gammapy_hli.run.map_ordered import Outcome, map_ordered
from gammapy_hli.tools.kept_runs import reduced_runs

Reduce = Callable[[Any], tuple[Any, dict[str, Any]]]
"""Gives the dataset of a run (None where it has none) and plain facts about it; works in any process."""


@dataclass(frozen=True)
class Reduced:
    """What became of a run.

    Attributes
    ----------
    dataset : SpectrumDataset or MapDataset or None
    facts : dict
        Plain values; under "dropped" why there is no dataset.
    has_failed : bool
        Whether that was for another reason than what is in its files.
    traceback : str
        Of the failure.
    """

    dataset: Any
    facts: dict[str, Any]
    has_failed: bool = False
    traceback: str = ""

    @classmethod
    def from_outcome(cls, outcome: Outcome) -> "Reduced":
        """From what a `Reduce` gave for a run."""
        if outcome.error is None:
            return cls(*outcome.value)
        reason = str(outcome.error) or type(outcome.error).__name__  # MemoryError may say nothing
        facts = {"name": outcome.item.name, "dropped": f"failed: {reason}"}
        return cls(None, facts, has_failed=True, traceback=outcome.traceback)


def summed_runs(
    context: RunContext,
    runs: Sequence[Any],
    reduce: Reduce,
    stacker: Any,
    *,
    keys: Mapping[str, str] | None = None,
    label: str = "reduction",
) -> Iterator[Reduced]:
    """Add runs to a sum; gives what became of each, without its dataset, when it is in the sum.

    Parameters
    ----------
    context : RunContext
    runs : sequence of Observation
        Those that follow on the runs that are in the sum already.
    reduce : callable
    stacker : BlockedStacker
    keys : mapping of str, optional
        Keys of runs by name, where the dataset of each run is kept; that is done in this process.
    """
    if keys:
        for outcome in reduced_runs(context, runs, keys, reduce):
            yield _added(outcome, stacker)
        return
    work = partial(_work_on, reduce=reduce, make=stacker.make, on_error=context.on_error)
    parts = _parts(runs, stacker.n_missing, context)
    outcomes: Any = replace(context, on_error="skip").map(work, parts, label=label, size=len)
    with closing(outcomes):
        for outcome in outcomes:
            (run, *others) = outcome.item
            if not others:
                if outcome.error is not None and context.on_error == "stop":
                    raise outcome.error
                yield _added(replace(outcome, item=run), stacker)
            elif outcome.error is not None:  # a worker died, a run has to stop all, the sum finds no memory
                context.logger.debug("%s; the runs of its block are tried one by one", outcome.error)
                for single in context.map(reduce, outcome.item, label=f"{label}, again"):
                    yield _added(single, stacker)
            else:
                sums, told = outcome.value
                stacker.add_block(sums)
                yield from told


def _parts(runs: Sequence[Any], n_first: int, context: RunContext) -> list[tuple[Any, ...]]:
    """Single runs, and blocks of them where there are enough for each process to get as many as the others."""
    from gammapy_hli.engine.datasets.blocked_stack import BLOCK  # late: loads astropy

    n = context.n_workers
    n_blocks = max(0, len(runs) - n_first) // BLOCK // n * n if context.has_workers else 0
    last = n_first + n_blocks * BLOCK
    blocks = [tuple(runs[start : start + BLOCK]) for start in range(n_first, last, BLOCK)]
    return [*((run,) for run in runs[:n_first]), *blocks, *((run,) for run in runs[last:])]


def _work_on(part: tuple[Any, ...], reduce: Reduce, make: Callable[[], Any], on_error: Any) -> Any:
    """The dataset of a run and its facts; of a block of runs the sums, and what became of each."""
    from gammapy_hli.engine.datasets.blocked_stack import block_of  # late: loads astropy

    if len(part) == 1:
        return reduce(part[0])
    told: list[Reduced] = []

    def datasets() -> Iterator[Any]:
        for outcome in map_ordered(reduce, part, on_error=on_error):
            reduced = Reduced.from_outcome(outcome)
            told.append(replace(reduced, dataset=None))
            yield reduced.dataset

    return block_of(make, datasets()), told


def _added(outcome: Outcome, stacker: Any) -> Reduced:
    reduced = Reduced.from_outcome(outcome)
    stacker.add(reduced.dataset)
    return replace(reduced, dataset=None)
