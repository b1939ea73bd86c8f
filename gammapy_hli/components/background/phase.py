"""Background from other phases."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.components.ephemeris import EphemerisOptions
from gammapy_hli.core.component import Slot
from gammapy_hli.core.option import InvalidValue, shown
from gammapy_hli.core.traits import Float, List, Str
from gammapy_hli.engine.reduce.phase_intervals import find_overlap, find_own_overlap, wrap_intervals

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.phase import PhaseBackground


class PhaseIntervals(List):
    """Intervals of phase: ``[[0.1, 0.3], [0.6, 0.7]]``; one alone is ``[0.1, 0.3]``; ``[0.9, 0.1]`` crosses 0."""

    def __init__(self, **metadata: Any):
        super().__init__(List(Float(), length=2), None, min_length=1, **metadata)

    def check_value(self, raw: Any) -> list[Any]:
        is_one = isinstance(raw, list | tuple) and raw and not any(isinstance(each, list | tuple) for each in raw)
        return super().check_value([raw] if is_one else raw)

    def check_items(self, stored: list[Any]) -> None:
        super().check_items(stored)
        for number, pair in enumerate(stored):
            try:
                wrap_intervals([pair])
            except ValueError as error:
                raise InvalidValue(str(error), code="range").inside(number) from None
        twice = find_own_overlap(wrap_intervals(stored))
        if twice is not None:
            raise InvalidValue(f"{shown(stored)}: phases {twice[0]:g} to {twice[1]:g} stand twice", code="twice")

    def expected(self) -> str:
        return "intervals of phase such as [0.1, 0.3] or [[0.1, 0.3], [0.9, 0.05]]"

    def value_schema(self) -> dict[str, Any]:
        return {"anyOf": [super().value_schema(), self.item.schema()]}


class PhaseBackgroundMethod(BackgroundMethod):
    """Events of the on region in the off phase of a pulsar or a binary; counts are those of the on phase."""

    reduction_types = ("spectrum", "map")
    uses_exclusion = False

    on = PhaseIntervals(help="Intervals of phase of the source.", level="basic")
    off = PhaseIntervals(help="Intervals of phase without it.", level="basic")
    column = Str("PHASE", help="Column of the events that holds phases.")
    ephemeris = Slot(
        EphemerisOptions, optional=True, help="Computes phases from the times of the events; null: from the column."
    )

    def check_complete(self) -> Iterable[Problem]:
        for name, example in (("on", "[0.1, 0.3]"), ("off", "[0.5, 0.9]")):
            if self.stored(name) is None:
                yield self.problem(
                    name, "intervals of phase are needed", code="missing", hint=f"write e.g. {name}: {example}"
                )

    def check(self) -> Iterable[Problem]:
        if self.stored("on") is None or self.stored("off") is None:
            return
        shared = find_overlap(wrap_intervals(self.stored("on")), wrap_intervals(self.stored("off")))
        if shared is not None:
            yield self.problem(
                "off",
                f"phases {shared[0]:g} to {shared[1]:g} are in reduction.background.phase.on too "
                f"({self.origin_of('on')})",
                code="overlap",
                hint="on and off phases must not overlap",
            )
        if self.ephemeris is not None and self.stored("column") != self.default_of("column"):
            yield self.problem(
                "column",
                f"is not used beside an ephemeris ({self.ephemeris.origin_of('epoch')})",
                hint="take one of them out",
            )

    def maker(self) -> "PhaseBackground":
        from gammapy_hli.engine.reduce.phase import PhaseBackground  # late: loads numpy and astropy

        ephemeris = None if self.ephemeris is None else self.ephemeris.ephemeris()
        return PhaseBackground(self.on, self.off, self.column, ephemeris)
