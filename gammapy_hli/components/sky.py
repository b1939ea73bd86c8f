"""From written positions and regions to the objects of astropy and regions."""

from typing import TYPE_CHECKING

from gammapy_hli.core.traits import Position, RegionSpec

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from regions import SkyRegion


def make_position(position: Position) -> "SkyCoord":
    """The SkyCoord of a position option."""
    from gammapy_hli.engine.geom.region import parse_position  # late: loads astropy

    return parse_position(position.to_mapping())


def make_regions(spec: RegionSpec) -> "list[SkyRegion]":
    """All regions of a region option; a DS9 file may hold several."""
    from gammapy_hli.engine.geom.region import parse_regions  # late: loads astropy

    return parse_regions(spec.spec, spec.base_dir)


def make_region(spec: RegionSpec) -> "SkyRegion":
    """The one region of a region option."""
    from gammapy_hli.engine.geom.region import parse_region  # late: loads astropy

    return parse_region(spec.spec, spec.base_dir)
