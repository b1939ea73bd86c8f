"""Runs that are reduced once: the dataset of each is kept by what it was made from, and taken from there next time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any

from gammapy_hli.run.context import RunContext
from gammapy_hli.run.map_ordered import Outcome, map_ordered

OF_ALL_RUNS = ("stack",)
"""Options that decide what becomes of the datasets of all runs together, not about any of them."""


def run_keys(context: RunContext, runs: Sequence[Any], plan: Any) -> dict[str, str]:
    """Key of each run by its name; empty where the surroundings make no keys or a run comes from no file.

    Parameters
    ----------
    context : RunContext
    runs : sequence of Observation
    plan : SpectrumPlan or MapPlan
        Its on region and its exclusion enter the keys as they are, beside the options.
    """
    if context.item_keys is None:
        return {}
    shared = {"region": _region_text(plan), "exclusion": _exclusion_hash(plan)}
    keys = {}
    for run in runs:
        source = getattr(run.source, "run", run.source)  # that of a part is the whole run
        locations = getattr(source, "locations", None)
        if locations is None:
            return {}
        files = [(f"{kind} {place.hdu_name}", place.path) for kind, place in locations.items()]
        files += [("off", path) for path in _files_of_background(plan, run)]
        extra = {**shared, "name": run.name, "energies": run.energy_range, "times": _times(run.intervals)}
        keys[run.name] = context.item_key(files, extra, OF_ALL_RUNS)
    return keys


def reduced_runs(
    context: RunContext, runs: Sequence[Any], keys: Mapping[str, str], reduce: Callable[[Any], tuple[Any, Any]]
) -> Iterator[Outcome]:
    """What a function gives for every run, in order; runs of which that is kept are not reduced again.

    Parameters
    ----------
    context : RunContext
        Its store of items holds what is kept.
    runs : sequence of Observation
    keys : mapping of str
        Keys of runs by name; of a run without key nothing is kept.
    reduce : callable
        Gives the dataset of a run (None where it has none) and plain facts about it; works in any process.
    """
    kept = {run.name for run in runs if run.name in keys and keys[run.name] in context.items}
    if kept:
        context.logger.info("%d of %d runs are taken as they were reduced before", len(kept), len(runs))
    left = [run for run in runs if run.name not in kept]
    outcomes: Any = context.map(reduce, left, label="reduction")
    with closing(outcomes):
        for run in runs:
            key = keys.get(run.name)
            if run.name in kept:
                outcome = _read(context, run, str(key)) or next(map_ordered(reduce, [run], on_error=context.on_error))
            else:
                outcome = next(outcomes)
            if key is not None and outcome.error is None:
                _keep(context, key, outcome.value)
            yield outcome


def _files_of_background(plan: Any, run: Any) -> Sequence[Any]:
    """Files of other runs that the background of a run is taken from."""
    files_of = getattr(plan.background, "files_of", None)
    return () if files_of is None else files_of(run)


def _region_text(plan: Any) -> str:
    """The on region as it is, wherever it was written."""
    from gammapy_hli.engine.datasets.region_text import region_to_text  # late: loads astropy

    return region_to_text(getattr(plan, "on_region", None))


def _exclusion_hash(plan: Any) -> str | None:
    """What is excluded, wherever that comes from."""
    if plan.exclusion is None:
        return None
    data, header = plan.exclusion.data, plan.exclusion.wcs.to_header_string(relax=True)
    return sha256(f"{header}{data.shape}".encode() + data.tobytes()).hexdigest()


def _times(intervals: Any) -> Any:
    if intervals is None:
        return None
    zero = intervals.reference
    return [intervals.start.tolist(), intervals.stop.tolist(), float(zero.jd1), float(zero.jd2), zero.scale]


def _read(context: RunContext, run: Any, key: str) -> Outcome | None:
    """What is kept of a run; None where it cannot be read."""
    from gammapy_hli.engine.datasets.packed import unpack  # late: loads astropy

    try:
        dataset, facts = unpack(*context.items.read(key))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        context.items.forget(key)
        context.logger.debug("what was kept of run %s cannot be read (%s)", run.name, error)
        return None
    return Outcome(run, (dataset, facts))


def _keep(context: RunContext, key: str, reduced: tuple[Any, Any]) -> None:
    from gammapy_hli.engine.datasets.packed import pack  # late: loads astropy

    if not context.items.keeps or key in context.items:
        return
    try:
        packed = pack(list(reduced))
    except TypeError as error:
        context.logger.debug("not kept: %s", error)
        return
    context.items.write(key, *packed)
