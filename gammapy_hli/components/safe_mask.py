"""Energies to trust."""

from typing import TYPE_CHECKING

from gammapy_hli.components.sky import make_position
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Choice, Float, List, Quantity, SkyPosition

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan

METHODS = ("aeff-default", "aeff-max", "edisp-bias", "offset-max", "bkg-peak")


class SafeMask(Component):
    """Which energies of a run are used; a bin must pass all methods that are named."""

    methods = List(
        Choice(METHODS),
        ["aeff-default"],
        unique=True,
        help="aeff-default: thresholds of the response file; aeff-max: area above aeff_percent of its largest; "
        "edisp-bias: energy bias below bias_percent; offset-max: source closer than offset_max; "
        "bkg-peak: above the peak of the background.",
        level="basic",
    )
    aeff_percent = Float(10, min=0, max=100, help="Percentage of the largest effective area (aeff-max).", level="basic")
    bias_percent = Float(10, min=0, max=100, help="Largest energy bias in percent (edisp-bias).")
    offset_max = Quantity("3 deg", unit="deg", above="0 deg", help="Largest distance from the pointing (offset-max).")
    position = SkyPosition(None, help="Where area and bias are looked up; null: at the on region.")

    def plan(self) -> "SafeMaskPlan":
        """What the engine works with."""
        from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan  # late: loads numpy and astropy

        return SafeMaskPlan(
            methods=tuple(self.methods),
            aeff_percent=self.aeff_percent,
            bias_percent=self.bias_percent,
            offset_max=self.offset_max,
            position=None if self.position is None else make_position(self.position),
        )
