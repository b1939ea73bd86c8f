"""Sky that is kept out of the background estimate."""

from typing import TYPE_CHECKING

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.components.sky import make_regions
from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import List, Path, Quantity, Region

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gammapy_hli.engine.geom.mask import ExclusionMask
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


class Exclusion(Component):
    """Sky that holds known sources and is kept out of the background: a mask file, regions, or both."""

    mask = Path(None, help="FITS image, 0 where the sky is excluded.")
    regions = List(Region(), [], help="Regions to exclude (DS9 text, mappings or files).", level="basic")
    pixel = Quantity("0.05 deg", unit="deg", above="0 deg", help="Pixel of the grid that the regions are drawn on.")
    width = Quantity("7.5 deg", unit="deg", above="0 deg", help="Width of that grid, centered on the target.")

    def check_inputs(self) -> None:
        """InputError or ConfigError where the mask or a region cannot be read."""
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        if self.mask is not None:
            ExclusionMask.read(self.mask)
        for spec in self.regions:
            try:
                make_regions(spec)
            except ValueError as error:
                raise ConfigError(self.problem("regions", str(error), code="region")) from None

    def exclusion_mask(self, center: "SkyCoord") -> "ExclusionMask | None":
        """The mask that the engine works with; None where nothing is excluded.

        Parameters
        ----------
        center : SkyCoord
            Center of the grid for the regions (TAN projection, icrs).
        """
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        mask = ExclusionMask.read(self.mask) if self.mask is not None else None
        if not self.regions:
            return mask
        regions = [region for spec in self.regions for region in make_regions(spec)]
        drawn = ExclusionMask.from_regions(regions, center, self.pixel, self.width)
        return drawn if mask is None else mask & drawn

    def exclusion_on(self, geometry: "WcsGeometry") -> "ExclusionMask | None":
        """The mask for maps: regions drawn on the map itself, a mask file by its nearest pixel; None for nothing."""
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy
        from gammapy_hli.engine.geom.region_image import region_mask_on

        mask = ExclusionMask.read(self.mask) if self.mask is not None else None
        if not self.regions:
            return mask
        regions = [region for spec in self.regions for region in make_regions(spec)]
        drawn = region_mask_on(geometry, regions, inside=False)
        return ExclusionMask(drawn if mask is None else drawn & mask.on(geometry), geometry.to_wcs())
