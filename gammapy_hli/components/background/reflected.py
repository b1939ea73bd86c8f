"""Reflected regions."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Int, Quantity

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.reflected import ReflectedRegions


class ReflectedBackground(BackgroundMethod):
    """Off regions of the shape of the on region, at the same distance from the pointing."""

    min_distance_input = Quantity(
        "0.1 rad",
        unit="rad",
        min="0 rad",
        help="Least angle between on region and off regions, seen from the pointing.",
    )
    min_distance = Quantity("0 rad", unit="rad", min="0 rad", help="Least angle between off regions.")
    angle_increment = Quantity(
        "0.1 rad", unit="rad", above="0 rad", help="Step to the next position after one that touches excluded sky."
    )
    max_regions = Int(10000, min=1, help="Most off regions to take.")

    def maker(self) -> "ReflectedRegions":
        from gammapy_hli.engine.reduce.reflected import ReflectedRegions  # late: loads numpy and astropy

        return ReflectedRegions(self.angle_increment, self.min_distance, self.min_distance_input, self.max_regions)
