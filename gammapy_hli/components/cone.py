"""A circle on the sky that pointings must lie in."""

from typing import TYPE_CHECKING

from gammapy_hli.components.sky import make_position
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Quantity, SkyPosition

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.select import Cone


class ConeSearch(Component):
    """Runs that point within a circle."""

    center = SkyPosition(help="Center of the circle.", level="basic")
    radius = Quantity("5 deg", unit="deg", above="0 deg", help="Radius of the circle.", level="basic")
    border = Quantity("0 deg", unit="deg", min="0 deg", help="Added to the radius.")

    def cone(self) -> "Cone":
        """The cone that the engine works with."""
        from gammapy_hli.engine.dl3.select import Cone  # late: loads astropy

        return Cone(make_position(self.center), self.radius, self.border)
