"""Background from a ring around every pixel."""

from typing import TYPE_CHECKING

from gammapy_hli.components.background.method import BackgroundMethod
from gammapy_hli.core.traits import Quantity

if TYPE_CHECKING:
    from gammapy_hli.engine.reduce.ring_background import RingBackground


class RingBackgroundMethod(BackgroundMethod):
    """Counts in a ring around every pixel, weighted by the background model of the response files."""

    reduction_types = ("image", "map")

    inner_radius = Quantity("0.5 deg", unit="deg", above="0 deg", help="Inner radius of the ring.", level="basic")
    width = Quantity("0.3 deg", unit="deg", above="0 deg", help="Width of the ring.", level="basic")

    def maker(self) -> "RingBackground":
        from gammapy_hli.engine.reduce.ring_background import RingBackground  # late: loads numpy and astropy

        return RingBackground(self.inner_radius, self.width)
