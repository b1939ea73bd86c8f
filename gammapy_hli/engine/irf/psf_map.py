"""Point spread functions on the pixels of a coarse map, and the kernels that convolve maps with them.

The profiles come from the response of one run (`make_psf_map`) or from a sum of runs (engine/datasets/map_stack.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.interpolate import ResponseGrid, inside
from gammapy_hli.engine.irf.pixel_weights import PixelWeights, linear_pair
from gammapy_hli.engine.irf.psf import Psf, default_rad_axis
from gammapy_hli.engine.irf.psf_table import PsfTable
from gammapy_hli.engine.irf.response_map import ResponseMap

KERNEL_CONTAINMENT = 0.999  # fraction of the photons that a kernel holds
KERNEL_PRECISION = 12  # steps of a kernel in the diameter that holds 68 % of the photons
MAX_OVERSAMPLING = 4
_RAD_STEPS = 20  # steps of containment radii in each bin of rad


@dataclass(frozen=True, eq=False, repr=False)
class PsfMap(ResponseMap):
    """Radial profile of the point spread function in every pixel of a coarse map.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the response, (ny, nx).
    energy_true : Axis
        nt bins; the profile holds at their centers.
    rad : Axis
        nrad bins of the distance from the source.
    data : ndarray, shape (nt, nrad, ny, nx) [sr-1]
        Probability per solid angle at the centers of the rad bins. Read-only view, float32 or float64.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Weight of the response when maps are stacked.
    """

    kind = "psf"
    geometry: WcsGeometry
    energy_true: Axis
    rad: Axis
    data: np.ndarray
    exposure: u.Quantity | None = None

    @property
    def second_axis(self) -> Axis:
        """The rad axis."""
        return self.rad

    def at(self, position: SkyCoord, energy_true: Axis | None = None) -> np.ndarray:
        """Profile at a position, bilinear between pixels, shape (nt, nrad) [sr-1].

        Where the nearest pixel has no response, the nearest one that has is taken.

        Parameters
        ----------
        position : SkyCoord
        energy_true : Axis, optional
            At the centers of this axis, linear in the logarithm of the energy, where it is not that of the response.
            Of the maps of Fermi-LAT the response has finer bins than the exposure.
        """
        y, x = self.place_of(position)
        rows, row_weights = linear_pair(y, self.geometry.shape[0])
        columns, column_weights = linear_pair(x, self.geometry.shape[1])
        corners = self.data[:, :, rows][..., columns].astype(np.float64)
        profile = corners @ column_weights @ row_weights
        if energy_true is None or energy_true.same_as(self.energy_true):
            return np.asarray(profile)
        weights = PixelWeights.at((self.energy_true,), energy_true.center_value(self.energy_true.unit))
        return np.clip(weights.places_first(profile.T), 0.0, None)

    def containment_radius(self, fraction: float, position: SkyCoord) -> u.Quantity:
        """Radius [deg] that holds a fraction of the photons at a position, shape (nt,).

        The nearest of the centers of the rad axis divided 20 times finer, as gammapy takes it (NUMERICS B.8).
        """
        return self._containment_radius(fraction, self.at(position)) << u.deg

    def kernel(
        self, position: SkyCoord, geometry: WcsGeometry, energy_true: Axis | None = None, max_radius: Any = None
    ) -> np.ndarray:
        """Kernels for the convolution of maps, one for each true energy: float64, shape (nt, k, k), k odd, sum 1.

        The profile at the position is evaluated around the center of the target geometry, on pixels that are up to
        4 times finer, out to the radius of 99.9 % containment of each energy, and summed to pixels (NUMERICS B.8).
        Energies without response have kernels of 0.

        Parameters
        ----------
        position : SkyCoord
            Where the source is.
        geometry : WcsGeometry
            Of the map that will be convolved.
        energy_true : Axis, optional
            Of that map, where it is not that of the response. gammapy then sizes the kernels one by one after the
            first energies of the response, which is wide there; so do we, with 99.9 % at least.
        max_radius : Quantity, optional
            Largest radius of the kernel.
        """
        profile = self.at(position, energy_true)
        radius = self._containment_radius(KERNEL_CONTAINMENT, profile)
        if energy_true is not None and not energy_true.same_as(self.energy_true):
            radius = _at_least(radius, self._containment_radius(KERNEL_CONTAINMENT, self.at(position)))
        if max_radius is not None:
            radius = np.minimum(radius, u.Quantity(max_radius).to_value("deg"))
        pixel = float(geometry.pixel_size.to_value("deg").max())
        diameter = 2 * self._containment_radius(0.68, profile) / pixel
        factors = np.minimum(np.ceil(KERNEL_PRECISION / diameter), MAX_OVERSAMPLING).astype(int)
        whole = geometry.to_odd_npix(radius.max() * u.deg)
        kernels = np.zeros((len(profile), *whole.shape))
        separations: dict[tuple[int, int], np.ndarray] = {}
        for values, size, factor, kernel in zip(profile, radius, factors, kernels, strict=True):
            part = geometry.to_odd_npix(size * u.deg)
            n = part.shape[0]
            if (n, factor) not in separations:
                fine = part.upsample(int(factor))
                separations[n, factor] = fine.separation(*geometry.own_radians(whole.center))
            fine_kernel = self._interpolate(values, np.rad2deg(separations[n, factor]))
            margin = (whole.shape[0] - n) // 2
            inner = slice(margin, margin + n)
            kernel[inner, inner] = fine_kernel.reshape(n, factor, n, factor).sum(axis=(1, 3))
        total = kernels.sum(axis=(1, 2), keepdims=True)
        return np.divide(kernels, total, out=np.zeros_like(kernels), where=total > 0)

    def _interpolate(self, profile: np.ndarray, rad: np.ndarray) -> np.ndarray:
        """Profile (nrad,) at distances [deg], linear between the centers of rad, extrapolated, >= 0."""
        centers = self.rad.center_value("deg")
        values = np.interp(rad, centers, profile)
        for edge, inner, beyond in ((0, 1, rad < centers[0]), (-1, -2, rad > centers[-1])):
            slope = (profile[edge] - profile[inner]) / (centers[edge] - centers[inner])
            values[beyond] = profile[edge] + slope * (rad[beyond] - centers[edge])
        return np.clip(values, 0.0, None)

    def _containment_radius(self, fraction: float, profile: np.ndarray) -> np.ndarray:
        """Radius [deg] from profiles (nt, nrad)."""
        edges = self.rad.edges_value("deg")
        cumulative = np.cumsum(profile * _rings(self.rad), axis=1)
        steps = np.arange(self.rad.nbin * _RAD_STEPS + 1) / _RAD_STEPS
        fine = np.interp(steps, np.arange(self.rad.nbin + 1), edges)
        rad = 0.5 * (fine[1:] + fine[:-1])
        contained = PixelWeights.at((Axis.from_nodes(edges[1:] * u.deg, "rad", "lin"),), rad)
        values = np.clip(contained.places_last(cumulative), 0.0, None) * contained.inside
        return rad[np.argmin(np.abs(values - fraction), axis=1)]

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {**super().summary(), "rad": f"{self.rad.nbin} bins to {self.rad.edges[-1]:.4g}"}


def make_psf_map(
    psf: Psf,
    position: SkyCoord,
    geometry: WcsGeometry,
    energy_true: Axis,
    rad: Axis | None = None,
    exposure: Any = None,
) -> PsfMap:
    """The PSF of one run on the pixels of a map.

    The response is evaluated at the centers of energy and rad and at the offset of each pixel, and divided by its sum
    over rad, sum of 2 pi r dr times the density (NUMERICS B.8).

    Parameters
    ----------
    psf : PsfTable, Psf3Gauss or PsfKing
    position : SkyCoord
        Where the telescopes pointed.
    geometry : WcsGeometry
        Pixels of the response.
    energy_true, rad : Axis
        Axes of the map; rad is that of `default_rad_axis` where it is not given.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], optional
        Weight when maps are stacked.
    """
    rad = default_rad_axis() if rad is None else rad
    offset = geometry.separation_from(position)
    density = _density(psf, energy_true, rad, np.rad2deg(offset).ravel())
    total = np.einsum("ijk,j->ik", density, _rings(rad))[:, np.newaxis]
    np.divide(density, total, out=density, where=total > 0)
    return PsfMap(geometry, energy_true, rad, density.reshape(*density.shape[:2], *geometry.shape), exposure)


def _density(psf: Psf, energy_true: Axis, rad: Axis, offset: np.ndarray) -> np.ndarray:
    """Density [sr-1] at centers of energy and rad and at offsets [deg]: float32, shape (nt, nrad, n)."""
    if not isinstance(psf, PsfTable):
        where = energy_true.center[:, None, None], rad.center[:, None], offset * u.deg
        return np.nan_to_num(psf.evaluate(*where).value).astype(np.float32)
    energies, radii = energy_true.center_value(psf.energy_true.unit), rad.center_value(psf.rad.unit)
    table = ResponseGrid(psf.axes, psf.data.to_value("sr-1")).tabulate(energies, None, radii)
    table[~inside(psf.energy_true, energies)] = 0.0
    table[:, :, ~inside(psf.rad, radii)] = 0.0
    table[~np.isfinite(table)] = 0.0
    weights = PixelWeights.at((psf.offset,), offset * u.deg.to(psf.offset.unit))
    density = weights.places_last(np.moveaxis(table, 1, 2)).astype(np.float32)
    density[..., ~weights.inside] = 0.0
    return np.clip(density, 0.0, None, out=density)


def _at_least(radius: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Radii, raised one by one to those of a second array of another length."""
    n = min(len(radius), len(other))
    return np.concatenate([np.maximum(radius[:n], other[:n]), radius[n:]])


def _rings(rad: Axis) -> np.ndarray:
    """Solid angle [sr] of the rings of rad, 2 pi r dr, shape (nrad,)."""
    return 2 * np.pi * rad.center_value("rad") * rad.width.to_value("rad")
