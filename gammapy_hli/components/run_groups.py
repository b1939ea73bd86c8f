"""Runs that are added to one dataset each."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from gammapy_hli.base.errors import ConfigError, InputError, Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Float, List, Str


class RunGroups(Component):
    """One dataset for each group of runs, by a column of the run table."""

    column = Str(help="Column of the selection (zenith, telescope, ...) or of the observation index.", level="basic")
    edges = List(
        Float(),
        [],
        help="Edges of intervals of a column of numbers, in its unit; none: each value is a group.",
        level="basic",
    )

    def check(self) -> Iterable[Problem]:
        edges = self.stored("edges")
        if len(edges) == 1 or any(low >= high for low, high in pairwise(edges)):
            message = f"{self.place_of('edges')}: two numbers or more are needed, each above the last"
            yield self.problem("edges", message)

    def check_column(self, store: Any) -> None:
        """ConfigError where a store has no such column."""
        from gammapy_hli.engine.dl3.run_groups import check_column  # late: loads numpy and astropy

        try:
            check_column(store, self.column)
        except InputError as error:
            raise ConfigError(self.problem("column", str(error), code="column")) from None

    def groups(self, observations: Any) -> dict[str, str]:
        """Group of each observation by its name."""
        from gammapy_hli.engine.dl3.run_groups import group_runs  # late: loads numpy and astropy

        return group_runs(observations, self.column, self.edges or None)
