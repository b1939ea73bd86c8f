"""Sky that is kept out of the background estimate."""

from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from gammapy_hli.base.errors import ConfigError, InputError, Problem
from gammapy_hli.components.significance_search import SignificanceSearch
from gammapy_hli.components.sky import make_regions
from gammapy_hli.core.component import Component, Slot
from gammapy_hli.core.traits import List, Path, Quantity, Region, Str

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from regions import SkyRegion

    from gammapy_hli.engine.geom.mask import ExclusionMask
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


MOSTLY = 0.1
"""A mask that leaves less of a map than this may be the wrong way round."""


class Exclusion(Component):
    """Sky that holds known sources and is kept out of the background: a mask file, regions, sources of a models file,
    for maps also what is significant; all together.
    """

    mask = Path(None, help="FITS image, 0 where the sky is excluded.")
    regions = List(Region(), [], help="Regions to exclude (DS9 text, mappings or files).", level="basic")
    models = Path(None, help="Models file (YAML, gammapy's format); its sources are excluded.")
    sources = List(Str(), [], unique=True, help="Names of those sources; none: all that have a position.")
    margin = Quantity(
        "0.2 deg",
        unit="deg",
        min="0 deg",
        help="Added to the radius of such a source, which is 0 for a point and 5 sigma for a Gaussian.",
    )
    from_significance = Slot(
        SignificanceSearch,
        optional=True,
        help="Find significant sky in rounds and exclude it too (images and maps); {} takes the defaults.",
        level="basic",
    )
    pixel = Quantity("0.05 deg", unit="deg", above="0 deg", help="Pixel of the grid that the regions are drawn on.")
    width = Quantity("7.5 deg", unit="deg", above="0 deg", help="Width of that grid, centered on the target.")

    def check(self) -> Iterable[Problem]:
        if self.stored("sources") and self.stored("models") is None:
            yield self.problem(
                "sources",
                f"{self.place_of('sources')} are names in a models file, but models is {self.place_of('models')}",
                hint="give reduction.background.exclusion.models, the file that holds them",
            )

    def check_inputs(self) -> None:
        """InputError or ConfigError where the mask, a region or the models cannot be read."""
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        if self.mask is not None:
            ExclusionMask.read(self.mask)
        for spec in self.regions:
            try:
                ExclusionMask.check_regions(make_regions(spec))
            except ValueError as error:
                raise ConfigError(self.problem("regions", str(error), code="region")) from None
        self.source_regions()

    def source_regions(self) -> "list[SkyRegion]":
        """Circles around the sources of the models file."""
        from gammapy_hli.engine.models.models_yaml import read_models  # late: loads numpy and astropy
        from gammapy_hli.engine.models.source_regions import source_circles

        if self.models is None:
            return []
        models = read_models(self.models)
        try:
            return list(source_circles(models, self.sources or None, self.margin))
        except InputError as error:
            name = "sources" if self.sources else "models"
            raise ConfigError(self.problem(name, f"{self.models}: {error}", code="sources")) from None

    def input_files(self) -> list[FilePath]:
        """Maps of sources, which the models file only names."""
        from gammapy_hli.engine.models.models_yaml import read_models  # late: loads numpy and astropy

        return [] if self.models is None else read_models(self.models).template_files()

    def all_regions(self) -> "list[SkyRegion]":
        """The regions that are named, and those of the sources."""
        return [*(region for spec in self.regions for region in make_regions(spec)), *self.source_regions()]

    def exclusion_mask(self, center: "SkyCoord") -> "ExclusionMask | None":
        """The mask that the engine works with; None where nothing is excluded.

        Parameters
        ----------
        center : SkyCoord
            Center of the grid for the regions (TAN projection, icrs).
        """
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        mask = ExclusionMask.read(self.mask) if self.mask is not None else None
        regions = self.all_regions()
        if not regions:
            return mask
        drawn = ExclusionMask.from_regions(regions, center, self.pixel, self.width)
        return drawn if mask is None else mask.joined(drawn)

    def check_map(self, geometry: "WcsGeometry") -> list[str]:
        """What is odd about the exclusion on a map, as sentences.

        Raises
        ------
        ConfigError
            The mask lies off the map, or nothing of the map is left for the background.
        """
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        told, where = [], f"the map of {geometry.words()}"
        excluded = self.exclusion_on(geometry)
        if self.mask is not None:
            mask = ExclusionMask.read(self.mask)
            covered = float(mask.covers(*geometry.icrs()).mean())
            if covered == 0:
                problem = f"{self.mask} covers no pixel of {where}"
                raise ConfigError(
                    self.problem("mask", problem, hint="take a mask of that sky, or correct the geometry")
                )
            if covered < 1:
                told.append(f"{self.mask} covers {100 * covered:.1f} % of {where}; the rest is taken as allowed")
            left = float(mask.on(geometry).mean())
            if left == 1:
                told.append(f"{self.mask} excludes no pixel of {where}")
            elif left < MOSTLY:
                told.append(f"{self.mask} excludes {100 * (1 - left):.1f} % of {where}; 0 marks what is excluded")
        if excluded is not None and not excluded.on(geometry).any():
            name = "regions" if self.regions else "models" if self.models is not None else "mask"
            problem = f"all of {where} is excluded: nothing is left for the background"
            raise ConfigError(self.problem(name, problem, hint="exclude less, or take a wider map"))
        for spec in self.regions:
            if ExclusionMask.from_regions_on(make_regions(spec), geometry).data.all():
                told.append(f"region {spec.spec} excludes no pixel of {where}")
        return told

    def exclusion_on(self, geometry: "WcsGeometry") -> "ExclusionMask | None":
        """The mask for maps: regions drawn on the map itself, a mask file by its nearest pixel; None for nothing."""
        from gammapy_hli.engine.geom.mask import ExclusionMask  # late: loads numpy and astropy

        mask = ExclusionMask.read(self.mask) if self.mask is not None else None
        regions = self.all_regions()
        if not regions:
            return mask
        drawn = ExclusionMask.from_regions_on(regions, geometry)
        return drawn if mask is None else ExclusionMask(drawn.data & mask.on(geometry), drawn.wcs)
