"""Intervals of time."""

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Int, List, Quantity, Time

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.time_grid import TimeGrid


class Intervals(Component):
    """Intervals of time that cut the runs: of one length, between given edges, or each with its start and stop."""

    start = Time(None, help="Start of the first interval; null: that of the first run.", level="basic")
    length = Quantity(None, unit="s", above="0 s", group="cut", help="Length of each interval, 10 min.", level="basic")
    number = Int(
        None, min=1, max=100000, help="Number of intervals; null: up to the end of the last run.", level="basic"
    )
    edges = List(Time(), None, min_length=2, group="cut", help="All edges; start and number are then not used.")
    ranges = List(
        List(Time(), length=2),
        None,
        min_length=1,
        group="cut",
        help="Start and stop of each interval, with or without pauses; start and number are then not used.",
    )

    def check(self) -> Iterable[Problem]:
        yield from edge_problems(self, "edges")
        yield from range_problems(self, "ranges")
        for name in ("start", "number"):
            given = [each for each in ("edges", "ranges") if self.stored(each) is not None]
            if given and self.stored(name) is not None:
                yield self.problem(
                    name,
                    f"is not used with {given[0]} ({self.origin_of(given[0])})",
                    hint=self._way_out(name, given[0]),
                )

    def _way_out(self, name: str, given: str) -> str:
        """How an option that is not used is taken away: where it is written, or where the other one is given."""
        from_here = {
            "command line": f"--{self.dotted_path}.{name} null",
            "Python": f'"{self.dotted_path}.{name}": None',
        }
        added = from_here.get(self.origin_of(given).kind)
        return "take it out" if added is None else f"take it out, or add {added}"

    def check_complete(self) -> Iterable[Problem]:
        if all(self.stored(name) is None for name in ("length", "edges", "ranges")):
            yield self.problem(
                "length", "a length, edges or ranges are needed", code="missing", hint="write e.g. length: 10 min"
            )

    def grid(self) -> "TimeGrid":
        """What the engine works with."""
        from gammapy_hli.engine.dl3.time_grid import TimeGrid  # late: loads astropy

        if self.edges is not None or self.ranges is not None:
            return asked_grid(self)
        return TimeGrid(length=self.length, start=self.start, number=self.number)


def asked_grid(component: Any) -> "TimeGrid":
    """The intervals that the options ``edges`` or ``ranges`` of a component give."""
    from astropy.time import Time as AstropyTime  # late: loads astropy

    from gammapy_hli.engine.dl3.time_grid import TimeGrid

    if component.edges is not None:
        return TimeGrid(edges=AstropyTime([edge.utc for edge in component.edges]))
    start, stop = (AstropyTime([pair[k].utc for pair in component.ranges]) for k in (0, 1))
    return TimeGrid(ranges=(start, stop))


def edge_problems(component: Component, name: str) -> Iterable[Problem]:
    """A problem where the times of a list do not increase, as far as that is seen without time scales."""
    edges = component.stored(name) or []
    for before, after in pairwise(edges):
        one, other = _order(before), _order(after)
        if type(one) is type(other) and one >= other:
            yield component.problem(
                name, f"{_shown(after)} is not later than {_shown(before)}", code="order", hint="sort the edges"
            )


def range_problems(component: Component, name: str) -> Iterable[Problem]:
    """A problem where a range ends before it begins, or overlaps the next one, as far as seen without time scales."""
    ranges = component.stored(name) or []
    for start, stop in ranges:
        if type(start) is type(stop) and _order(start) >= _order(stop):
            yield component.problem(name, f"{_shown(stop)} is not later than {_shown(start)}", code="order")
            return
    alike = len({type(time) for pair in ranges for time in pair}) == 1
    ordered = sorted(ranges, key=lambda pair: _order(pair[0])) if alike else []
    for before, after in pairwise(ordered):
        if _order(after[0]) < _order(before[1]):
            first, second = (f"{_shown(start)} to {_shown(stop)}" for start, stop in (before, after))
            message = f"intervals overlap: {first} and {second}"
            yield component.problem(name, message, code="overlap", hint="end the first where the second begins")


def _order(stored: Any) -> Any:
    return stored if isinstance(stored, str) else stored["mjd"]


def _shown(stored: Any) -> str:
    return stored if isinstance(stored, str) else f"mjd {stored['mjd']}"
