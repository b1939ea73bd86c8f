"""The search for significant sky before a reduction to maps, with the runs and processes of the step."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gammapy_hli.components.significance_search import SignificanceSearch
from gammapy_hli.run.context import RunContext


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
    from gammapy_hli.engine.estimate.exclusion_search import search_exclusion  # late: loads scipy

    def reduce_all(plan: Any) -> Any:
        stacker, is_empty = plan.stacker(), True
        for outcome in context.map(partial(reduce_run, plan=plan), runs, label="search for exclusion"):
            dataset = None if outcome.error is not None else outcome.value[0]
            if dataset is not None:
                stacker.add(dataset)
                is_empty = False
        return None if is_empty else stacker.result("search")

    found = search_exclusion(plan, search.search(), reduce_all)
    told = "the last found nothing new" if found.is_stable else "the last found new ones: allow more iterations"
    context.logger.info(f"exclusion from significance: {found.pixels[-1]} pixels in {found.n_rounds} rounds ({told})")
    return replace(plan, exclusion=found.mask), found.facts()
