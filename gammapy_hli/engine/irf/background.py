"""Rate of background events by reconstructed energy and place in the field of view."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import SAMPLE_PIXEL, region_center, region_samples, region_solid_angle
from gammapy_hli.engine.geom.sphere import icrs_radians, separation, to_fov
from gammapy_hli.engine.irf.gadf import IrfTable, as_array, check_axes, containment_class, file_label, make_hdu
from gammapy_hli.engine.irf.interpolate import ResponseGrid, fill_gaps, inside, integrate_power_law_of_log
from gammapy_hli.engine.irf.pixel_weights import PixelWeights

Array = NDArray[np.float64]
FovAlignment = Literal["RADEC", "ALTAZ", "REVERSE_LON_RADEC"]
ALIGNMENTS = ("RADEC", "ALTAZ", "REVERSE_LON_RADEC")
RATE = "s-1 MeV-1 sr-1"
_RATE_PER_TEV = "s-1 TeV-1 sr-1"


class _Background(Summary):
    """What both kinds share: integration over energy and over regions."""

    data: u.Quantity

    @property
    def is_altaz(self) -> bool:
        """Whether the field of view is aligned with the horizon, so that it rotates on the sky."""
        return False

    def integrate(self, energy: Axis, fov_lon: u.Quantity, fov_lat: u.Quantity) -> u.Quantity:
        """Background per solid angle and observation time in bins of energy, at places in the field of view.

        Gaps in the file are filled along energy, the rate is interpolated at the *edges* of the bins, and each bin is
        integrated as a power law between its edges (NUMERICS B.5 and B.6).

        Parameters
        ----------
        energy : Axis
            Bins of reconstructed energy.
        fov_lon, fov_lat : Quantity, shape (...)
            Field-of-view coordinates as `geom.sphere.to_fov` gives them: fov_lon grows to the west.

        Returns
        -------
        Quantity, shape (energy, ...)
            [s-1 sr-1]; multiply by the solid angle and the ontime (not the livetime).
        """
        lon, lat = np.broadcast_arrays(fov_lon.to_value("rad"), fov_lat.to_value("rad"))
        weights, grid = self._weights(lon, lat), self._filled
        edges, axis = energy.edges_value("TeV"), grid.axes[0]
        own_edges = energy.edges_value(axis.unit)
        table = grid.tabulate(own_edges, *(None for _ in grid.axes[1:]))
        log_rate = weights.places_last(table)
        np.minimum(log_rate, grid.log_limit, out=log_rate)
        log_rate += np.log(self.data.unit.to(_RATE_PER_TEV))
        rate = integrate_power_law_of_log(edges, log_rate)
        known = inside(axis, own_edges)
        rate[~(known[1:] & known[:-1])] = 0.0
        rate[:, ~weights.inside] = 0.0
        if not np.isfinite(rate).all():
            rate[~np.isfinite(rate)] = 0.0
        return rate.reshape(energy.nbin, *lon.shape) << u.Unit("s-1 sr-1")

    def integrate_region(
        self,
        energy: Axis,
        region: Any,
        pointing: SkyCoord,
        *,
        use_region_center: bool = True,
        pixel: Any = SAMPLE_PIXEL,
    ) -> u.Quantity:
        """Background per observation time in a region, shape (energy,) [s-1].

        Parameters
        ----------
        energy : Axis
            Bins of reconstructed energy.
        region : SkyRegion
            Region with an area.
        pointing : SkyCoord
            Direction of the telescope.
        use_region_center : bool
            Take the value at the center of the region for all of it; else the sum over pixels inside.
        pixel : float or Quantity
            Size of these pixels [rad], see `region_samples`.

        Raises
        ------
        ValueError
            The response is aligned with the horizon; use `integrate` with coordinates for each time.
        """
        if self.is_altaz:
            raise ValueError("background of alignment ALTAZ: its field rotates; integrate over times with 'integrate'")
        if use_region_center:
            lon, lat = (np.array([_]) for _ in icrs_radians(region_center(region)))
            area = np.array([region_solid_angle(region).to_value("sr")])
        else:
            lon, lat, area = region_samples(region, pixel)
        fov_lon, fov_lat = to_fov(lon, lat, *icrs_radians(pointing))
        rate = self.integrate(energy, fov_lon * u.rad, fov_lat * u.rad)
        return (rate @ area) * u.sr

    @property
    def _filled(self) -> ResponseGrid:
        """Grid of the logarithm of the rate, in the unit of the file, first axis energy, without gaps."""
        raise NotImplementedError

    def _weights(self, lon: Array, lat: Array) -> PixelWeights:
        """Weights of the other axes of the grid at field-of-view coordinates [rad]."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Background2D(_Background):
    """Background that depends on the offset only, GADF class BKG_2D.

    Parameters
    ----------
    energy, offset : Axis
        Axes of these names.
    data : Quantity, shape (energy, offset)
        Rate [s-1 MeV-1 sr-1].
    is_pointlike : bool
        As in the header.
    """

    energy: Axis
    offset: Axis
    data: u.Quantity
    is_pointlike: bool = False

    def __post_init__(self) -> None:
        check_axes({"energy": self.energy, "offset": self.offset}, "background")
        object.__setattr__(self, "data", as_array(self.data, self.axes, RATE, "background"))

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy, self.offset

    def evaluate(self, energy: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Rate [s-1 MeV-1 sr-1] of the file as it stands at broadcast coordinates; 0 outside of the axes."""
        values = self._grid.evaluate(energy.to_value(self.energy.unit), offset.to_value(self.offset.unit))
        return (values << self.data.unit).to(RATE)

    def _weights(self, lon: Array, lat: Array) -> PixelWeights:
        theta = separation(lon, lat, 0.0, 0.0) * u.rad.to(self.offset.unit)
        return PixelWeights.at(self._filled.axes[1:], theta)

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        classes = ("BKG", containment_class(self.is_pointlike), "BKG_2D")
        return make_hdu(self.axes, {"BKG": self.data}, classes, "BACKGROUND")

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes."""
        low, high = self.energy.edges[[0, -1]]
        return {
            "energy": f"{low:.4g} to {high:.4g}, {self.energy.nbin} bins",
            "offset": f"up to {self.offset.edges[-1]:.4g}, {self.offset.nbin} bins",
        }

    @cached_property
    def _grid(self) -> ResponseGrid:
        return ResponseGrid(self.axes, self.data.value, log_values=True)

    @cached_property
    def _filled(self) -> ResponseGrid:
        """Grid without gaps, with one more bin at both ends of the offset that repeats the last value."""
        values = np.pad(fill_gaps(self.data.value), ((0, 0), (1, 1)), mode="edge")
        edges = self.offset.edges.value
        padded = np.concatenate([[2 * edges[0] - edges[1]], edges, [2 * edges[-1] - edges[-2]]])
        offset = Axis(name="offset", edges=padded * self.offset.unit, interp="lin")
        return ResponseGrid((self.energy, offset), values, log_values=True)


@dataclass(frozen=True, eq=False)
class Background3D(_Background):
    """Background by place in the field of view, GADF class BKG_3D.

    Parameters
    ----------
    energy, fov_lon, fov_lat : Axis
        Axes of these names.
    data : Quantity, shape (energy, fov_lon, fov_lat)
        Rate [s-1 MeV-1 sr-1].
    fov_alignment : str
        RADEC: fov_lat to the north, fov_lon to the west. REVERSE_LON_RADEC: fov_lon to the east, as in old H.E.S.S.
        files (NUMERICS A.1). ALTAZ: aligned with the horizon.
    is_pointlike : bool
        As in the header.
    """

    energy: Axis
    fov_lon: Axis
    fov_lat: Axis
    data: u.Quantity
    fov_alignment: FovAlignment = "RADEC"
    is_pointlike: bool = False

    def __post_init__(self) -> None:
        named = {"energy": self.energy, "fov_lon": self.fov_lon, "fov_lat": self.fov_lat}
        check_axes(named, "background")
        if self.fov_alignment not in ALIGNMENTS:
            raise ValueError(f"background: fov_alignment is '{self.fov_alignment}'; expected {', '.join(ALIGNMENTS)}")
        object.__setattr__(self, "data", as_array(self.data, self.axes, RATE, "background"))

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy, self.fov_lon, self.fov_lat

    @property
    def is_altaz(self) -> bool:
        """Whether the field of view is aligned with the horizon, so that it rotates on the sky."""
        return self.fov_alignment == "ALTAZ"

    def aligned(self, fov_alignment: FovAlignment) -> Background3D:
        """Give the same background with another alignment, for files whose header does not tell the truth."""
        return dataclasses.replace(self, fov_alignment=fov_alignment)

    def evaluate(self, energy: u.Quantity, fov_lon: u.Quantity, fov_lat: u.Quantity) -> u.Quantity:
        """Rate [s-1 MeV-1 sr-1] at broadcast coordinates *of the file*, whatever its alignment; 0 outside."""
        coordinates = (
            energy.to_value(self.energy.unit),
            fov_lon.to_value(self.fov_lon.unit),
            fov_lat.to_value(self.fov_lat.unit),
        )
        return (self._grid.evaluate(*coordinates) << self.data.unit).to(RATE)

    def _weights(self, lon: Array, lat: Array) -> PixelWeights:
        sign = -1.0 if self.fov_alignment == "REVERSE_LON_RADEC" else 1.0
        x, y = sign * lon * u.rad.to(self.fov_lon.unit), lat * u.rad.to(self.fov_lat.unit)
        return PixelWeights.at(self._filled.axes[1:], x, y)

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        classes = ("BKG", containment_class(self.is_pointlike), "BKG_3D")
        return make_hdu(self.axes, {"BKG": self.data}, classes, "BACKGROUND", FOVALIGN=self.fov_alignment)

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes and alignment."""
        low, high = self.energy.edges[[0, -1]]
        return {
            "energy": f"{low:.4g} to {high:.4g}, {self.energy.nbin} bins",
            "field of view": f"{self.fov_lon.nbin} x {self.fov_lat.nbin} bins up to {self.fov_lon.edges[-1]:.4g}",
            "alignment": self.fov_alignment,
        }

    @cached_property
    def _grid(self) -> ResponseGrid:
        return ResponseGrid(self.axes, self.data.value, log_values=True)

    @cached_property
    def _filled(self) -> ResponseGrid:
        """Grid without gaps, in the unit of the file: the smallest float32 stands for 0 there."""
        return ResponseGrid(self.axes, fill_gaps(self.data.value), log_values=True)


Background = Background2D | Background3D


def read_background(hdu: Any, file: str | Path | None = None) -> Background:
    """Background of either kind from an astropy HDU, told by its columns.

    Raises
    ------
    InputError
        A column is missing or damaged, or the alignment is not known.
    """
    table = IrfTable(hdu, "bkg", file_label(file))
    if not table.has("DETX_LO"):
        axes_2d = table.axis("energy"), table.axis("offset")
        data = table.array(("BKG", "BGD"), axes_2d, RATE)
        return Background2D(*axes_2d, data, is_pointlike=table.is_pointlike)
    axes = table.axis("energy"), table.axis("fov_lon"), table.axis("fov_lat")
    data = table.array(("BKG", "BGD"), axes, RATE)
    alignment = str(table.header.get("FOVALIGN", "")).strip().upper() or "RADEC"
    if alignment not in ALIGNMENTS:
        alignment = "RADEC"
    return Background3D(*axes, data, fov_alignment=alignment, is_pointlike=table.is_pointlike)  # type: ignore[arg-type]
