"""Which pixels of an image lie in a region of the sky.

Regions are drawn in the pixels of the image, as gammapy 2.1 does: a circle of the sky is a circle of pixels with the
scale that holds at its center towards north, also where the projection stretches one of the axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from gammapy_hli.engine.geom.region import parse_regions
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

_STEP = 1 * u.arcsec  # towards north, to measure the scale


class OutOfReachError(ValueError):
    """The center of a region is not in the projection."""


def region_mask_on(geometry: WcsGeometry, regions: Any, inside: bool = True) -> NDArray[np.bool_]:
    """Pixels whose centers lie in any of the regions, (ny, nx); with `inside` False those that lie in none.

    Parameters
    ----------
    geometry : WcsGeometry
    regions : region, list of regions, or what `parse_regions` takes
        A point covers the pixels that share a point source there: up to four, next to it.
    inside : bool
        False inverts the mask.
    """
    mask = np.zeros(geometry.shape, dtype=bool)
    wcs = geometry.to_wcs()
    for region in parse_regions(regions):
        if type(region).__name__ == "PointSkyRegion":
            _add_point(mask, *geometry.position_to_pixel(region.center))
        else:
            mask |= region_pixels(region, wcs, geometry.shape)
    return mask if inside else ~mask


def region_pixels(region: Any, wcs: WCS, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of a WCS whose centers lie in an extended region, shape (ny, nx).

    Raises
    ------
    OutOfReachError
        The center of the region is not in the projection.
    """
    from regions import PixCoord  # late: slow to load, needed only where there is a region

    rows, columns = np.ogrid[: shape[0], : shape[1]]
    name = type(region).__name__
    if name == "CircleSkyRegion" and region.meta.get("include", True):
        x, y, scale, _ = _local_scale(region.center, wcs)
        return np.hypot(columns - x, rows - y) < region.radius.to_value(u.rad) * scale
    drawn = region_in_pixels(region, wcs)
    return np.asarray(drawn.contains(PixCoord(*(_.copy() for _ in np.broadcast_arrays(columns, rows)))))


def region_in_pixels(region: Any, wcs: WCS) -> Any:
    """A sky region as a region of pixels of an image, drawn with the scale towards north (`_local_scale`)."""
    from regions import (  # late: slow to load, needed only where there is a region
        CircleAnnulusPixelRegion,
        EllipsePixelRegion,
        PixCoord,
        RectanglePixelRegion,
    )

    name = type(region).__name__
    if name not in ("CircleAnnulusSkyRegion", "EllipseSkyRegion", "RectangleSkyRegion"):
        return region.to_pixel(wcs)
    x, y, scale, north = _local_scale(region.center, wcs)
    center, meta = PixCoord(x, y), region.meta.copy()
    if name == "CircleAnnulusSkyRegion":
        radii = (_.to_value(u.rad) * scale for _ in (region.inner_radius, region.outer_radius))
        return CircleAnnulusPixelRegion(center, *radii, meta=meta)
    width, height = (_.to_value(u.rad) * scale for _ in (region.width, region.height))
    angle = region.angle + north * u.rad - 90 * u.deg
    shape = EllipsePixelRegion if name == "EllipseSkyRegion" else RectanglePixelRegion
    return shape(center, width, height, angle=angle, meta=meta)


def _local_scale(center: SkyCoord, wcs: WCS) -> tuple[float, float, float, float]:
    """Pixel (x, y) of a direction, pixels per [rad] from there to the north of its own frame, and that direction [rad].

    A circle far from the center of the projection is an ellipse in pixels; the convention (of regions up to 0.11, and
    so of gammapy 2.1) is to draw it as a circle with the scale along north. `regions` took the mean scale later.
    """
    north = center.directional_offset_by(0 * u.deg, _STEP)
    x, y = (float(_) for _ in wcs.world_to_pixel(center))
    x_north, y_north = (float(_) for _ in wcs.world_to_pixel(north))
    if not np.isfinite([x, y, x_north, y_north]).all():
        where = f"{center.spherical.lon.deg:.4f}, {center.spherical.lat.deg:.4f} deg {center.frame.name}"
        raise OutOfReachError(
            f"region at ({where}) is not on the map: the projection {wcs.wcs.ctype[0]} does not reach it"
        )
    dx, dy = x_north - x, y_north - y
    return x, y, float(np.hypot(dx, dy) / _STEP.to_value(u.rad)), float(np.arctan2(dy, dx))


def _add_point(mask: NDArray[np.bool_], x: Any, y: Any) -> None:
    """Mark the pixels among which a point is shared, by linear weights in x and y."""
    ny, nx = mask.shape
    if not np.isfinite([x, y]).all():
        return
    for column in {int(np.floor(x)), int(np.ceil(x))}:
        for row in {int(np.floor(y)), int(np.ceil(y))}:
            if 0 <= column < nx and 0 <= row < ny:
                mask[row, column] = True
