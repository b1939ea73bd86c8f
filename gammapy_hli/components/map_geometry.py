"""The sky that a map covers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.sky import make_position
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import Choice, Quantity, QuantityList, SkyPosition

if TYPE_CHECKING:
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

PROJECTIONS = ("CAR", "TAN", "SIN", "ARC", "ZEA", "STG", "AIT", "MOL", "MER", "SFL")


class MapGeometry(Component):
    """Center, size and pixels of the maps; their frame is that of the center."""

    center = SkyPosition(help="Center of the maps; a galactic center makes galactic maps.", level="basic")
    projection = Choice(PROJECTIONS, "CAR", help="Projection of the sky.")
    width = QuantityList(
        ["4 deg", "4 deg"], unit="deg", above="0 deg", length=2, help="Width in longitude and latitude.", level="basic"
    )
    pixel = Quantity("0.02 deg", unit="deg", above="0 deg", help="Size of a pixel.", level="basic")
    irf_pixel = Quantity("0.2 deg", unit="deg", above="0 deg", help="Pixel of the maps of psf and energy dispersion.")

    def check(self) -> Iterable[Problem]:
        pixel, irf_pixel = self.number_of("pixel"), self.number_of("irf_pixel")
        if pixel is not None and irf_pixel is not None and irf_pixel < pixel:
            yield self.problem("irf_pixel", f"{self.place_of('irf_pixel')} is below pixel {self.place_of('pixel')}")

    def geometry(self) -> "WcsGeometry":
        """The geometry that the engine works with."""
        from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry  # late: loads numpy and astropy

        return WcsGeometry.create(
            make_position(self.center), self.width, self.pixel, projection=self.projection, frame=self.center.frame
        )
