"""Spectra of intervals that are fitted once: each is kept by what it was made from, and taken from there next time."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gammapy_hli.run.context import RunContext
from gammapy_hli.run.keys import item_key


def fitted_spectra(context: RunContext, works: Sequence[Any], section: str, recipe_version: int) -> tuple[Any, ...]:
    """The spectrum of each interval, in order; those that are kept are not fitted again.

    Parameters
    ----------
    context : RunContext
        Its processes fit the intervals; its store of items holds what is kept, from the moment it is there.
    works : sequence of IntervalWork
    section : str
        Name of the step without label.
    recipe_version : int
        Of the tool.
    """
    from gammapy_hli.engine.estimate.interval_spectra import (  # late: loads numpy and astropy
        IntervalFit,
        fit_interval,
        free_names,
    )

    keys = [item_key(section, recipe_version, {}, (), work.key) for work in works]
    found: dict[int, Any] = {}
    for number, (work, key) in enumerate(zip(works, keys, strict=True)):
        context.record_item(f"spectrum of interval {work.name}", key)
        if key in context.items:
            with suppress(KeyError):  # a damaged one is made again
                found[number] = IntervalFit.from_dict(context.items.read(key)[0])
    if found:
        context.logger.info("%d of %d intervals are taken as they were fitted before", len(found), len(works))
    left = [number for number in range(len(works)) if number not in found]
    outcomes = context.map(fit_interval, [works[number] for number in left], label="spectra")
    for number, outcome in zip(left, outcomes, strict=True):
        if outcome.error is not None:
            context.flag(f"interval {works[number].name}: its spectrum could not be fitted: {outcome.error}")
            context.logger.debug(outcome.traceback)
            names = free_names(works[number].models, works[number].source)
            found[number] = IntervalFit.failed(names, f"failed: {outcome.error}")
        else:
            found[number] = outcome.value
            context.items.write(keys[number], outcome.value.to_dict())
    return tuple(found[number] for number in range(len(works)))
