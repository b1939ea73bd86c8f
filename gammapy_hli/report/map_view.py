"""Map datasets as a report looks at them: their sum, what the models predict, where the sources are."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.base.errors import HliError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.geom.convolve import fft_convolve_same
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.sphere import offset_by, to_icrs
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.predict.map_total import predict_map

if TYPE_CHECKING:
    from gammapy_hli.report.material import FitMaterial

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DEFAULT_RADIUS = 0.15
"""Radius around a source where nothing says how sharp the maps are [deg]."""
CONTAINED = 0.68
RADIUS_STEP = 0.05


@dataclass(frozen=True, eq=False)
class Target:
    """A place of the sky that profiles and spectra are taken through.

    Attributes
    ----------
    words : str
        What it is, for captions: "crab", "the highest significance".
    x, y : float
        Its pixel.
    radius : float
        Around it [deg].
    is_source : bool
        Whether it is a source of a model.
    """

    words: str
    x: float
    y: float
    radius: float
    is_source: bool


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a fit saw and predicts on the pixels of a view; arrays (ne, ny, nx), zero in bins that it did not use.

    Attributes
    ----------
    fit : FitMaterial
    counts, background, npred : ndarray
        Counts; the background that the fit expects; background and sources together.
    used : ndarray of bool
        Bins that at least one dataset uses.
    """

    fit: "FitMaterial"
    counts: Array
    background: Array
    npred: Array
    used: Mask


@dataclass(frozen=True, eq=False)
class MapLayers:
    """The product of a maps step.

    Attributes
    ----------
    step : str
    maps : mapping of str to SkyMap
    radius : Quantity or None
        Of the disk that the maps are sums over.
    peaks : Table or None
        Maxima of the significance, where they were looked for.
    """

    step: str
    maps: Any
    radius: u.Quantity | None = None
    peaks: Any = None

    def image(self, name: str, band: int = 0) -> Array | None:
        """One band of a map, (ny, nx); None where it is not there."""
        if name not in self.maps:
            return None
        data = np.asarray(self.maps[name].data, dtype=np.float64)
        return np.asarray(data.reshape(-1, *data.shape[-2:])[band])

    @property
    def geometry(self) -> WcsGeometry:
        """Pixels of the maps."""
        return next(iter(self.maps.values())).geometry  # type: ignore[no-any-return]

    @property
    def bands(self) -> tuple[tuple[float, float] | None, ...]:
        """Lower and upper energy [TeV] of each band; None where a map has no energy axis."""
        first: SkyMap = next(iter(self.maps.values()))
        axis = next((axis for axis in first.axes if axis.name == "energy"), None)
        if axis is None:
            return (None,)
        edges = axis.edges_value("TeV")
        return tuple((float(low), float(high)) for low, high in pairwise(edges))


@dataclass(frozen=True, eq=False)
class MapView:
    """Map datasets of one kind and one grid, added up.

    Attributes
    ----------
    name : str
        Step of the reduction, with a number where it made several kinds.
    datasets : tuple of MapDataset
    models : Models or None
        Of the fit, or as they start.
    fits : sequence of FitMaterial
        Those that look at these maps, perhaps among others.
    layers : sequence of MapLayers
    exclusion : SkyMap or None
        True where the background was taken, with the facts of a search in its meta.
    """

    name: str
    datasets: tuple[MapDataset, ...]
    models: Models | None = None
    fits: Sequence["FitMaterial"] = ()
    layers: Sequence[MapLayers] = ()
    exclusion: SkyMap | None = None

    @cached_property
    def total(self) -> MapDataset:
        """The sum of the datasets inside their safe masks."""
        return self.datasets[0] if len(self.datasets) == 1 else stack_maps(self.datasets, "sum")

    @property
    def geometry(self) -> WcsGeometry:
        """Pixels of the sum."""
        return self.total.geometry

    @property
    def pixel(self) -> float:
        """Size of a pixel [deg]."""
        return float(self.geometry.pixel_size.to_value("deg").mean())

    @property
    def is_image(self) -> bool:
        """Whether there is one energy bin only."""
        return self.total.energy.nbin == 1

    @cached_property
    def allowed(self) -> Mask | None:
        """Pixels off the exclusion, (ny, nx); None where nothing is excluded."""
        if self.exclusion is None:
            return None
        on_map = ExclusionMask(self.exclusion.data, self.exclusion.geometry.to_wcs()).on(self.geometry)
        return None if on_map.all() else on_map

    # -- counts ------------------------------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> Array:
        """Counts in safe bins, (ne, ny, nx)."""
        return self._safe(self.total.counts)

    @cached_property
    def background(self) -> Array:
        """Background of the datasets in safe bins, (ne, ny, nx)."""
        return self._safe(self.total.background)

    @property
    def has_background(self) -> bool:
        """Whether there is something to compare the counts with."""
        return self.total.background is not None

    def _safe(self, values: Any) -> Array:
        if values is None:
            return np.zeros(self.total.shape)
        return np.where(self.total.safe & np.isfinite(values), values, 0.0).astype(np.float64)

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """Of every fit that can be used and looks at these maps."""
        return tuple(
            self._predicted(fit, datasets) for fit in self.fits if fit.result.success and (datasets := self._own(fit))
        )

    def _own(self, fit: "FitMaterial") -> tuple[MapDataset, ...]:
        """What a fit has looked at on the pixels and energies of this view."""
        groups = alike((self.total, *fit.datasets))
        return next(group for group in groups if self.total in group)[1:]

    def _predicted(self, fit: "FitMaterial", datasets: Sequence[MapDataset]) -> Prediction:
        """Sum over the datasets of what the models predict for each, in its own used bins."""
        counts, background, npred = (np.zeros(self.total.shape) for _ in range(3))
        used = np.zeros(self.total.shape, dtype=bool)
        for dataset in datasets:
            shared = self.geometry.overlap(dataset.geometry)
            if shared is None:
                continue
            here, there = ((slice(None), *part) for part in shared)
            found = predict_map(dataset, fit.result.models, fit.result.nuisances)
            mask = fitted_bins(dataset, fit.result.energy_range)[there]
            for target, values in ((counts, dataset.counts), (background, found.background), (npred, found.npred)):
                if values is not None:
                    target[here] += np.where(mask, values[there], 0.0)
            used[here] |= mask
        return Prediction(fit, counts, background, npred, used)

    def smoothed(self, values: Array, sigma: float) -> Array:
        """An image (ny, nx) smeared with a Gaussian of width sigma [deg]; nan in pixels that are never safe."""
        reach = math.ceil(4 * sigma / self.pixel)
        x = np.arange(-reach, reach + 1) * self.pixel
        kernel = np.exp(-0.5 * (x[:, None] ** 2 + x**2) / sigma**2)
        smeared = np.asarray(fft_convolve_same(values, kernel / kernel.sum()))
        return np.where(self.total.safe_image, smeared, np.nan)

    # -- sources -----------------------------------------------------------------------------------------------------

    @cached_property
    def sources(self) -> tuple[SkyModel, ...]:
        """Sources with a position on the map."""
        found = []
        for model in self.models or ():
            if isinstance(model, SkyModel) and model.position is not None:
                lon, lat = self.geometry.own_radians(model.position)
                if bool(self.geometry.contains(lon, lat)):
                    found.append(model)
        return tuple(found)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The sources, or the pixel of the highest significance; empty where neither is known."""
        if self.sources:
            return tuple(self._target(model) for model in self.sources)
        for layers in self.layers:
            image = layers.image("significance")
            if image is not None and np.isfinite(image).any() and layers.geometry.same_as(self.geometry):
                y, x = np.unravel_index(int(np.nanargmax(image)), image.shape)
                return (Target("the highest significance", float(x), float(y), self._sharpness(None), False),)
        return ()

    def _target(self, model: SkyModel) -> Target:
        assert model.position is not None
        x, y = self.geometry.position_to_pixel(model.position)
        size = source_size(model)
        return Target(model.name, float(x), float(y), self._sharpness(model.position, size), True)

    def _sharpness(self, position: SkyCoord | None, size: float = 0.0) -> float:
        """Radius that holds most of a source: 68 % containment in the middle of the energies, and its own size."""
        radius = DEFAULT_RADIUS
        psf = self.total.psf
        if psf is not None:
            try:
                place = self.geometry.center if position is None else position
                radii = np.asarray(psf.containment_radius(CONTAINED, place).to_value("deg"), dtype=float)
                radii = radii[np.isfinite(radii) & (radii > 0)]
                radius = float(np.median(radii)) if len(radii) else DEFAULT_RADIUS
            except (HliError, ValueError):
                radius = DEFAULT_RADIUS
        steps = math.ceil(round(math.hypot(radius, size) / RADIUS_STEP, 6))
        return round(max(steps, math.ceil(2 * self.pixel / RADIUS_STEP)) * RADIUS_STEP, 6)

    def around(self, target: Target) -> Mask:
        """Pixels within the radius of a target, (ny, nx)."""
        lon, lat = self.geometry.to_sky(target.x, target.y)
        return np.asarray(self.geometry.separation(float(lon), float(lat)) <= math.radians(target.radius))

    # -- responses ---------------------------------------------------------------------------------------------------

    def exposure_image(self) -> tuple[Array, float] | None:
        """Exposure [m2 s], (ny, nx), in the bin of true energy that lies nearest to 1 TeV, and its energy [TeV]."""
        if self.total.exposure is None:
            return None
        low, high = self.total.energy.edges_value("TeV")[[0, -1]]
        wanted = 1.0 if low <= 1.0 <= high else math.sqrt(low * high)
        centers = self.total.energy_true.center.to_value("TeV")
        k = int(np.argmin(np.abs(np.log(centers / wanted))))
        return self.total.exposure.to_value("m2 s")[k].astype(np.float64), float(centers[k])

    def pointings(self) -> Array:
        """Pixels (n, 2) of the pointing of every run; those that are not known are left out."""
        ra, dec = (np.asarray(self.total.meta.get(key, ()), dtype=float) for key in ("RA_PNT", "DEC_PNT"))
        if len(ra) != len(dec) or not len(ra):
            return np.zeros((0, 2))
        x, y = self.geometry.icrs_to_pixel(np.radians(ra), np.radians(dec))
        pixels = np.stack([x, y], axis=1)
        return pixels[np.isfinite(pixels).all(axis=1)]


def source_size(model: SkyModel) -> float:
    """The extension of a source [deg]: width, radius, or outer radius; 0 for a point."""
    if model.spatial is None:
        return 0.0
    values = {name: float(model.spatial.parameters[name].value) for name in model.spatial.parameters.names}
    size = next((values[name] for name in ("sigma", "r_0", "radius") if name in values), 0.0)
    return size + values.get("width", 0.0)


def source_outline(model: SkyModel, geometry: WcsGeometry) -> Array | None:
    """Pixels (n, 2) of the closed line at the size of an extended source; None for a point or a template."""
    size = source_size(model)
    if model.spatial is None or model.position is None or size <= 0:
        return None
    names = model.spatial.parameters.names
    own = model.spatial.parameters
    ellipticity = float(own["e"].value) if "e" in names else 0.0
    turn = float(own["phi"].value) if "phi" in names else 0.0
    angle = np.linspace(0, 2 * np.pi, 121)
    major, minor = size * np.cos(angle), size * math.sqrt(max(0.0, 1 - ellipticity**2)) * np.sin(angle)
    position = model.position
    lon, lat = offset_by(
        float(position.spherical.lon.rad),
        float(position.spherical.lat.rad),
        np.radians(turn) + np.arctan2(minor, major),
        np.radians(np.hypot(major, minor)),
    )
    x, y = geometry.icrs_to_pixel(*to_icrs(lon, lat, model.spatial.frame))
    return np.stack([x, y], axis=1)


def fitted_bins(dataset: MapDataset, energy_range: tuple[u.Quantity | None, u.Quantity | None] | None) -> Mask:
    """Bins (ne, ny, nx) that a fit uses: those of the mask that lie entirely inside the range of energies."""
    if energy_range is None:
        return dataset.mask
    return dataset.mask & dataset.energy.bins_inside(energy_range)[:, None, None]


def alike(datasets: Sequence[Any]) -> Iterator[tuple[MapDataset, ...]]:
    """The map datasets among some, grouped by kind, energies and grid, so that each group has a sum."""
    groups: list[list[MapDataset]] = []
    for dataset in datasets:
        if not isinstance(dataset, MapDataset):
            continue
        for group in groups:
            first = group[0]
            if (
                type(first) is type(dataset)
                and first.energy.same_as(dataset.energy)
                and first.energy_true.same_as(dataset.energy_true)
                and first.geometry.is_aligned(dataset.geometry)
            ):
                group.append(dataset)
                break
        else:
            groups.append([dataset])
    yield from (tuple(group) for group in groups)
