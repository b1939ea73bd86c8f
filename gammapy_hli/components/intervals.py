"""Intervals of time."""

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Int, List, Quantity, Time

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.intervals import TimeGrid


class Intervals(Component):
    """Intervals of time that cut the runs: of one length, or between given edges."""

    start = Time(None, help="Start of the first interval; null: that of the first run.", level="basic")
    length = Quantity(None, unit="s", above="0 s", group="cut", help="Length of each interval, 10 min.", level="basic")
    number = Int(
        None, min=1, max=100000, help="Number of intervals; null: up to the end of the last run.", level="basic"
    )
    edges = List(Time(), None, min_length=2, group="cut", help="All edges; start and number are then not used.")

    def check(self) -> Iterable[Problem]:
        yield from edge_problems(self, "edges")

    def check_complete(self) -> Iterable[Problem]:
        if self.stored("length") is None and self.stored("edges") is None:
            yield self.problem(
                "length", "a length or edges are needed", code="missing", hint="write e.g. length: 10 min"
            )

    def grid(self) -> "TimeGrid":
        """What the engine works with."""
        from astropy.time import Time as AstropyTime  # late: loads astropy

        from gammapy_hli.engine.dl3.intervals import TimeGrid

        if self.edges is not None:
            return TimeGrid(edges=AstropyTime([edge.utc for edge in self.edges]))
        return TimeGrid(length=self.length, start=self.start, number=self.number)


def edge_problems(component: Component, name: str) -> Iterable[Problem]:
    """A problem where the times of a list do not increase, as far as that is seen without time scales."""
    edges = component.stored(name) or []
    for before, after in pairwise(edges):
        one, other = _order(before), _order(after)
        if type(one) is type(other) and one >= other:
            yield component.problem(
                name, f"{_shown(after)} is not later than {_shown(before)}", code="order", hint="sort the edges"
            )


def _order(stored: Any) -> Any:
    return stored if isinstance(stored, str) else stored["mjd"]


def _shown(stored: Any) -> str:
    return stored if isinstance(stored, str) else f"mjd {stored['mjd']}"
