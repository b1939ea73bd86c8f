"""Which periods are looked for in a light curve."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.core.component import Component
from gammapy_hli.core.quantity_traits import number_in
from gammapy_hli.core.traits import Int, Quantity

if TYPE_CHECKING:
    from gammapy_hli.engine.estimate.periodogram import PeriodogramPlan


class PeriodogramOptions(Component):
    """Range of the Lomb-Scargle periodogram, as frequencies or as periods; {} for the default range."""

    min_frequency = Quantity(
        None, unit="Hz", above="0 Hz", group="low", help="Smallest frequency; null: one turn in the light curve."
    )
    max_period = Quantity(None, unit="s", above="0 s", group="low", help="Longest period, in place of min_frequency.")
    max_frequency = Quantity(
        None,
        unit="Hz",
        above="0 Hz",
        group="high",
        help="Largest frequency; null: half of the inverse median distance of the points.",
    )
    min_period = Quantity(None, unit="s", above="0 s", group="high", help="Shortest period, in place of max_frequency.")
    samples_per_peak = Int(5, min=1, max=100, help="Frequencies in the width of a peak.")

    def check(self) -> Iterable[Problem]:
        low, high = self._bound("min_frequency", "max_period"), self._bound("max_frequency", "min_period")
        if low is not None and high is not None and not low[0] < high[0]:
            low_place, high_place = self.place_of(low[1]), self.place_of(high[1])
            message = f"{high_place} and {low[1]} {low_place} leave no range"
            yield self.problem(high[1], message, code="order", hint="periods: min_period < max_period")

    def _bound(self, frequency: str, period: str) -> tuple[float, str] | None:
        """A bound [Hz] and the option that gives it."""
        if self.stored(frequency) is not None:
            return number_in(self.stored(frequency), "Hz"), frequency
        return None if self.stored(period) is None else (1 / number_in(self.stored(period), "s"), period)

    def plan(self) -> "PeriodogramPlan":
        """What the engine works with."""
        from gammapy_hli.engine.estimate.periodogram import PeriodogramPlan  # late: loads numpy

        low, high = self._bound("min_frequency", "max_period"), self._bound("max_frequency", "min_period")
        return PeriodogramPlan(
            min_frequency=None if low is None else low[0],
            max_frequency=None if high is None else high[0],
            samples_per_peak=self.samples_per_peak,
        )
