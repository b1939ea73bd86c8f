"""The responses of a simulated array on grids: what the files hold and what events are drawn from.

`array_response.py` has the curves. Tables are rounded to float32, the precision of the files, before anything is drawn.
"""

from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background2D, Background3D
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.psf import Psf3Gauss
from gammapy_hli.engine.simulate.array_response import PSF_SIGMA_RATIOS, PSF_WEIGHTS, ArrayResponse
from gammapy_hli.engine.simulate.plan import SimulationPlan

Array = NDArray[np.float64]

ENERGY_MIN, ENERGY_MAX = 0.05 * u.TeV, 125 * u.TeV
SAFE_FRACTION = 0.1
"""LO_THRES is where the area on axis reaches this fraction of its largest value."""
HIGH_THRESHOLD = 100 * u.TeV


@dataclass(frozen=True, eq=False)
class ResponseSet:
    """The tables of one array.

    Attributes
    ----------
    aeff : EffectiveArea
        Of all events, without a cut on direction.
    edisp : EnergyDispersion
    psf : Psf3Gauss
    bkg : Background3D or Background2D
    """

    aeff: EffectiveArea
    edisp: EnergyDispersion
    psf: Psf3Gauss
    bkg: Background3D | Background2D

    @property
    def energy_true_range(self) -> tuple[float, float]:
        """Lowest and highest true energy of the area [TeV]."""
        low, high = self.aeff.energy_true.edges_value("TeV")[[0, -1]]
        return float(low), float(high)

    @property
    def background(self) -> "BackgroundTable":
        """The background, seen as a table of nodes."""
        return BackgroundTable(self.bkg)

    def effective_area(self, energy_true: Array, offset: float) -> Array:
        """Effective area [m2] at true energies [TeV] and one offset [deg]."""
        return self.aeff.evaluate(energy_true * u.TeV, offset * u.deg).to_value("m2")

    def migra_cumulative(self, energy_true: Array, offset: float) -> tuple[Array, Array]:
        """Edges of migra, shape (m,), and how likely it is to lie below them, shape (n, m), for each true energy [TeV].

        Linear between edges, as in the kernels of the analysis (NUMERICS B.7); the last column need not be 1.
        """
        migra = self.edisp.migra
        density = self.edisp.evaluate(energy_true[:, np.newaxis] * u.TeV, migra.center, offset * u.deg)
        steps = density * migra.width.to_value("")
        cumulative = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
        return migra.edges_value(""), cumulative

    def containment(self, radius: Array, energy_true: Array, offset: float) -> Array:
        """Share of events within each radius [deg], shape (n_energy, n_radius), for each true energy [TeV]."""
        energy = energy_true[:, np.newaxis] * u.TeV
        return np.asarray(self.psf.containment(radius * u.deg, energy, offset * u.deg))

    def to_hdus(self, plan: SimulationPlan) -> list[fits.BinTableHDU]:
        """Tables for the files: AEFF, EDISP, PSF (full enclosure) and BKG.

        Point-like: the area is multiplied with the containment in `plan.rad_max`, and there is no PSF.
        """
        if plan.enclosure == "point-like":
            aeff = self._point_like_area(plan.rad_max)
            edisp = replace(self.edisp, is_pointlike=True, rad_max=plan.rad_max)
            tables = {"AEFF": aeff.to_hdu(), "EDISP": edisp.to_hdu(), "BKG": self.bkg.to_hdu()}
        else:
            tables = {"AEFF": self.aeff.to_hdu(), "EDISP": self.edisp.to_hdu()}
            tables |= {"PSF": self.psf.to_hdu(), "BKG": self.bkg.to_hdu()}
        for name, hdu in tables.items():
            hdu.name = name
            hdu.header.update({"TELESCOP": plan.telescope, "INSTRUME": plan.instrument})
        return list(tables.values())

    def _point_like_area(self, rad_max: u.Quantity) -> EffectiveArea:
        energy, offset = self.aeff.energy_true.center[:, np.newaxis], self.aeff.offset.center
        inside = np.asarray(self.psf.containment(rad_max, energy, offset))
        return replace(
            self.aeff, data=_rounded(self.aeff.data.value * inside) * u.m**2, is_pointlike=True, rad_max=rad_max
        )


@dataclass(frozen=True, eq=False)
class BackgroundTable:
    """A background table with the points between which its logarithm is linear."""

    bkg: Background3D | Background2D

    @property
    def energy_nodes(self) -> Array:
        """First edge, centers and last edge of the energy axis [TeV]."""
        return _nodes(self.bkg.energy, "TeV")

    @property
    def position_nodes(self) -> tuple[Array, ...]:
        """The same for (fov_lon, fov_lat), or for (offset,) [deg]."""
        return tuple(_nodes(axis, "deg") for axis in self.bkg.axes[1:])

    def rate(self, energy: Array, *position: Array) -> Array:
        """Background rate [s-1 TeV-1 sr-1] at energies [TeV] and positions in the field of view [deg]."""
        if isinstance(self.bkg, Background2D):
            # the analysis repeats the outer bins of a table in offset instead of extrapolating (NUMERICS B.5)
            centers = self.bkg.offset.center_value("deg")
            position = tuple(np.clip(offset, centers[0], centers[-1]) for offset in position)
        where = [x * u.deg for x in position]
        return self.bkg.evaluate(energy * u.TeV, *where).to_value("s-1 TeV-1 sr-1")


def make_responses(plan: SimulationPlan) -> ResponseSet:
    """Put the curves of the plan's array on grids."""
    response = plan.array_response
    make_background = _background_3d if plan.background_kind == "3d" else _background_2d
    return ResponseSet(
        aeff=_effective_area(response),
        edisp=_energy_dispersion(response),
        psf=_point_spread_function(response),
        bkg=make_background(response, plan.background_factor),
    )


def _energy(name: str, per_decade: int) -> Axis:
    return Axis.from_energy_bounds(ENERGY_MIN, ENERGY_MAX, per_decade=per_decade, name=name)


def _offset(step: float) -> Axis:
    return Axis.from_nodes(np.arange(0.0, 3.0 + step / 2, step) * u.deg, name="offset", interp="lin")


def _effective_area(response: ArrayResponse) -> EffectiveArea:
    energy, offset = _energy("energy_true", 20), _offset(0.5)
    area = response.effective_area(*_mesh(energy, offset))
    on_axis = area[:, 0] / area[:, 0].max()
    low = energy.edges[np.argmax(on_axis >= SAFE_FRACTION)]
    return EffectiveArea(energy, offset, _rounded(area) * u.m**2, energy_min=low, energy_max=HIGH_THRESHOLD)


def _energy_dispersion(response: ArrayResponse) -> EnergyDispersion:
    energy, offset = _energy("energy_true", 10), _offset(1.5)
    migra = Axis.from_edges(np.linspace(0.2, 2.8, 131) * u.one, name="migra", interp="lin")
    true, ratio, theta = _mesh(energy, migra, offset)
    density = response.migration_density(ratio, true, theta)
    # tails that no kernel sees would only make the files larger
    return EnergyDispersion(energy, migra, offset, _rounded(np.where(density > 1e-7, density, 0.0)))


def _point_spread_function(response: ArrayResponse) -> Psf3Gauss:
    energy, offset = _energy("energy_true", 10), _offset(1.0)
    sigmas = [ratio * response.psf_width(*_mesh(energy, offset)) for ratio in PSF_SIGMA_RATIOS]
    # amplitudes at the center relative to the first Gaussian: a share w of the events gives w / sigma^2
    heights = [weight / ratio**2 for weight, ratio in zip(PSF_WEIGHTS, PSF_SIGMA_RATIOS, strict=True)]
    amplitudes = [np.full_like(sigmas[0], height / heights[0]) for height in heights]
    scale = PSF_WEIGHTS[0] / (2.0 * np.pi * np.radians(sigmas[0]) ** 2)
    return Psf3Gauss(
        energy,
        offset,
        sigma_1=_rounded(sigmas[0]) * u.deg,
        sigma_2=_rounded(sigmas[1]) * u.deg,
        sigma_3=_rounded(sigmas[2]) * u.deg,
        scale=_rounded(scale) / u.sr,
        ampl_2=_rounded(amplitudes[1]),
        ampl_3=_rounded(amplitudes[2]),
    )


def _background_3d(response: ArrayResponse, factor: float) -> Background3D:
    energy = _energy("energy", 8)
    edges = np.linspace(-3.0, 3.0, 31) * u.deg
    lon, lat = (Axis.from_edges(edges, name=name, interp="lin") for name in ("fov_lon", "fov_lat"))
    reco, x, y = _mesh(energy, lon, lat)
    rate = factor * response.background(reco, np.hypot(x, y))
    return Background3D(energy, lon, lat, _rounded(rate) * u.Unit("s-1 TeV-1 sr-1"))


def _background_2d(response: ArrayResponse, factor: float) -> Background2D:
    energy = _energy("energy", 8)
    offset = Axis.from_edges(np.linspace(0.0, 3.0, 16) * u.deg, name="offset", interp="lin")
    rate = factor * response.background(*_mesh(energy, offset))
    return Background2D(energy, offset, _rounded(rate) * u.Unit("s-1 TeV-1 sr-1"))


def _mesh(*axes: Axis) -> tuple[Array, ...]:
    """Centers of axes as arrays that span them all."""
    units = {"energy": "TeV", "energy_true": "TeV", "migra": ""}
    return tuple(np.meshgrid(*(axis.center_value(units.get(axis.name, "deg")) for axis in axes), indexing="ij"))


def _rounded(values: Array) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _nodes(axis: Axis, unit: str) -> Array:
    edges = axis.edges_value(unit)
    return np.concatenate([edges[:1], axis.center_value(unit), edges[-1:]])
