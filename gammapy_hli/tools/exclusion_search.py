"""The search for significant sky before a reduction to maps, with the runs and processes of the step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gammapy_hli.components.significance_search import SignificanceSearch
from gammapy_hli.run.context import RunContext
from gammapy_hli.tools.run_sums import summed_runs

MUCH_LEFT = 0.5
"""A search that leaves less of the sky for the background than this is to be looked at."""


def plan_with_found(
    search: SignificanceSearch, context: RunContext, plan: Any, runs: Sequence[Any], reduce_run: Callable[..., Any]
) -> tuple[Any, dict[str, Any]]:
    """The plan with what is significant excluded, and how the search went. Bad runs are told of afterwards.

    Parameters
    ----------
    search : SignificanceSearch
    context : RunContext
        A search to look at is flagged there.
    plan : MapPlan
    runs : sequence of Observation
    reduce_run : callable
        The dataset of a run, None where it cannot be used, and what is known of it; works in any process.
    """
    from gammapy_hli.engine.datasets.blocked_stack import BlockedStacker  # late: loads numpy and astropy
    from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker
    from gammapy_hli.engine.estimate.exclusion_search import search_exclusion  # late: loads scipy

    def reduce_all(plan: Any) -> Any:
        stacker = BlockedStacker(partial(GroupedStacker, plan.stacker))
        for _ in summed_runs(context, runs, partial(reduce_run, plan=plan), stacker, label="search for exclusion"):
            pass
        return next(iter(stacker.results("search")), None)

    found = search_exclusion(plan, search.search(), reduce_all)
    context.logger.info(f"exclusion from significance: {found.pixels[-1]} pixels in {found.n_rounds} rounds")
    for sentence in _oddities(search, found):
        context.flag(sentence)
    return replace(plan, exclusion=found.mask), found.facts()


def _oddities(search: SignificanceSearch, found: Any) -> Iterator[str]:
    """What a user must look at before the background is believed."""
    if found.n_rounds and not found.is_stable:
        new = found.pixels[-1] - found.pixels[-2]
        yield (
            f"the search for significant sky stopped before it was done, and the last round still found {new} new "
            f"pixels: the background may hold sources; allow more {search.dotted_path}.iterations, which is "
            f"{search.place_of('iterations')}, or raise the threshold where ever more is found"
        )
    if found.left < MUCH_LEFT:
        yield (
            f"the search for significant sky leaves {100 * found.left:.0f} % of the sky for the background "
            f"({search.dotted_path}.threshold {search.place_of('threshold')}): it may have excluded noise, which "
            "biases the background; raise the threshold, lower the margin, or take a larger map"
        )
