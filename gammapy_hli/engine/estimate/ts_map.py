"""Test statistic of a source put on every pixel in turn: how much the statistic falls, and the flux that does it.

The counts of the source around each pixel are its kernel (the model folded with the responses at the middle of the map)
times the exposure where they fall, NUMERICS B.17. The norm solver of this estimator is in norm_map.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.estimate.energy_bands import map_bands
from gammapy_hli.engine.estimate.excess_map import as_maps
from gammapy_hli.engine.estimate.norm_map import NormMap, Sheet, fit_norm_map
from gammapy_hli.engine.estimate.reco_exposure import FLUX_UNIT, counts_of_flux
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_response import MARGIN

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TsInput:
    """What the TS map of one dataset is made from; arrays of shape (ne, ny, nx).

    Attributes
    ----------
    kernel : array (ne, k, k)
        Share of the counts of the source in each pixel around it; the sum over pixels is one, or 0.
    source : array
        Counts of the source at norm 1 that the exposure of the pixel would give if all of it fell there.
    background : array
        All other predicted counts.
    counts : array
    mask : bool array
        Bins that count.
    """

    kernel: Array
    source: Array
    background: Array
    counts: Array
    mask: NDArray[np.bool_]


def estimate_ts_maps(
    datasets: MapDataset | Sequence[MapDataset],
    model: SkyModel,
    npred: Array | Sequence[Array] | None = None,
    *,
    energy_edges: u.Quantity | None = None,
    sum_energy: bool = True,
    kernel_width: u.Quantity | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    asymmetric: bool = False,
    limits: bool = True,
) -> dict[str, SkyMap]:
    """TS, flux and errors of a source at every pixel.

    Parameters
    ----------
    datasets : MapDataset, or sequence of them
        With known background, on the same pixels and energies; a joint likelihood where there are several.
    model : SkyModel
        Its spectrum and its shape; where it stands does not matter.
    npred : array (ne, ny, nx), or one for each dataset, optional
        Counts of everything but the source: background and known sources. Default: the background.
    energy_edges : Quantity, shape (n + 1,), optional
        Bands, moved to edges of the dataset; one band over all energies where not given.
    sum_energy : bool
        Fit the image of each band (as gammapy does; the kernel is the plain mean of those of the safe energies), or
        each energy with its own kernel, which is more sensitive.
    kernel_width : Quantity [deg], optional
        Full width of the square in which the source is seen; default: all of psf and source.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of the limit.
    asymmetric : bool
        Whether ``flux_errn`` and ``flux_errp`` are wanted.
    limits : bool
        Whether ``flux_ul`` is wanted.

    Returns
    -------
    dict of str to SkyMap
        ts, sqrt_ts (with the sign of the flux), norm, norm_err, flux, flux_err [cm-2 s-1, in the energies of the band],
        npred_excess, niter [, flux_ul, flux_errn, flux_errp]; (bands, ny, nx), nan where no bin counts.

    Raises
    ------
    InputError
        No counts, background or exposure, on/off data, datasets on different pixels, a model without shape or wider
        than the map, or no bin that counts.
    """
    several = [datasets] if isinstance(datasets, MapDataset) else list(datasets)
    others = [npred] * len(several) if npred is None or isinstance(npred, np.ndarray) else list(npred)
    inputs = [ts_input(dataset, model, other, kernel_width) for dataset, other in zip(several, others, strict=True)]
    first = several[0]
    for dataset in several[1:]:
        if not (dataset.geometry.same_as(first.geometry) and dataset.energy.same_as(first.energy)):
            raise InputError(
                f"TS map: dataset {dataset.name!r} has other pixels or energies than {first.name!r}; a joint TS map "
                "needs the same ones. Make one map for each."
            )
    edges, index = first.energy.group(map_bands(first.energy, energy_edges))
    bands = []
    for start, stop in pairwise(index):
        sheets = [sheet for part in inputs for sheet in _sheets(part, slice(start, stop), sum_energy)]
        used = np.logical_or.reduce([_used(part, slice(start, stop)) for part in inputs])
        if not used.any():
            raise InputError(
                f"TS map of {', '.join(d.name for d in several)}: no pixel has background and is safe between "
                f"{first.energy.edges[start]:.4g} and {first.energy.edges[stop]:.4g}. Check background and masks, or "
                "choose other energies."
            )
        sides = (-n_sigma, n_sigma) if asymmetric else ()
        fit = fit_norm_map(sheets, used, levels=(*sides, *((n_sigma_ul,) if limits else ())))
        flux = float(model.spectral.integral(*first.energy.edges[[start, stop]]).to_value(FLUX_UNIT))
        bands.append(_quantities(fit, flux, n_sigma, asymmetric, limits))
    axis = Axis.from_edges(edges, name="energy", interp=first.energy.interp)
    maps = as_maps({name: np.stack([band[name] for band in bands]) for name in bands[0]}, first.geometry, axis)
    return {n: replace(m, unit=u.Unit(FLUX_UNIT)) if n.startswith("flux") else m for n, m in maps.items()}


def ts_input(
    dataset: MapDataset, model: SkyModel, npred: Array | None = None, kernel_width: u.Quantity | None = None
) -> TsInput:
    """Kernel, exposure in counts, background and counts of a dataset; see `estimate_ts_maps`."""
    if isinstance(dataset, MapDatasetOnOff):
        raise InputError(
            f"dataset {dataset.name!r} has off counts; a TS map needs a known background (reduction.background.method "
            "'fov'). Take the significance of an excess map instead."
        )
    for name in ("counts", "exposure"):
        if getattr(dataset, name) is None:
            raise InputError(f"dataset {dataset.name!r} has no {name}; a TS map needs counts, exposure and background")
    background = dataset.background if npred is None else npred
    if background is None:
        raise InputError(f"dataset {dataset.name!r} has no background; a TS map needs counts, exposure and background")
    if np.shape(background) != dataset.shape:
        raise InputError(f"dataset {dataset.name!r}: npred has shape {np.shape(background)}; expected {dataset.shape}")
    mask = dataset.mask & np.isfinite(background)
    return TsInput(
        kernel=source_kernel(dataset, model, kernel_width),
        source=np.where(mask, counts_of_flux(dataset, model.spectral), 0.0),
        background=np.where(mask, background, 0.0).astype(np.float64),
        counts=np.where(mask, np.asarray(dataset.counts), 0.0).astype(np.float64),
        mask=mask,
    )


def source_kernel(dataset: MapDataset, model: SkyModel, width: u.Quantity | None = None) -> Array:
    """Counts of the source around the middle of the map as shares of each energy, (ne, k, k) with k odd.

    Responses and exposure are those at the middle of the map, or at the nearest pixel that has exposure.
    """
    if model.spatial is None or model.spatial.is_everywhere or model.spatial.is_template:
        raise InputError(
            f"model {model.name!r} of a TS map needs a shape with a position and of finite size, such as "
            "'spatial: {type: point}' or '{type: gauss, sigma: 0.05 deg}'"
        )
    assert dataset.exposure is not None
    geometry, pixel = dataset.geometry, float(dataset.geometry.pixel_size.to_value(u.deg).max())
    exposure = dataset.exposure[:, *_middle_with_exposure(dataset)]
    if width is None:
        radius = model.spatial.radius(model.spatial.values) or 0.0
        kernels = None if dataset.psf is None else dataset.psf.kernel(geometry.center, geometry, dataset.energy_true)
        n_psf = 1 if kernels is None else kernels.shape[-1]
        width = (n_psf * pixel + 2 * (radius + MARGIN)) * u.deg
    elif width < pixel * u.deg:
        raise InputError(f"TS map: kernel_width is {width:.4g}; expected at least a pixel of {pixel:.4g} deg")
    small = geometry.to_odd_npix(0.5 * width)
    middle = replace(
        dataset,
        geometry=small,
        counts=None,
        background=None,
        mask_safe=None,
        mask_fit=None,
        exposure=np.broadcast_to(exposure[:, None, None], (len(exposure), *small.shape)) * exposure.unit,
    )
    npred = MapEvaluator(_placed(model, small), middle).npred_map()
    total = npred.sum(axis=(1, 2), keepdims=True)
    return _trimmed(np.divide(npred, total, out=np.zeros_like(npred), where=total > 0), geometry, model.name)


def _placed(model: SkyModel, geometry: WcsGeometry) -> SkyModel:
    """The model in the middle of a geometry."""
    spatial = model.spatial
    assert isinstance(spatial, SpatialModel)
    center = geometry.center.transform_to(spatial.frame).spherical
    moved = SpatialModel(spatial.tag, **{**spatial.options, **{p.name: p.quantity for p in spatial.parameters}})
    moved.parameters["lon_0"].value, moved.parameters["lat_0"].value = center.lon.deg, center.lat.deg
    return SkyModel(name=model.name, spectral=model.spectral, spatial=moved, apply_irf=model.apply_irf)


def _middle_with_exposure(dataset: MapDataset) -> tuple[int, int]:
    """Row and column of the pixel with exposure that is nearest to the middle."""
    assert dataset.exposure is not None
    has = (dataset.exposure.value > 0).any(axis=0)
    if not has.any():
        raise InputError(f"dataset {dataset.name!r} has exposure nowhere: no counts of a source can be predicted")
    ny, nx = dataset.geometry.shape
    rows, columns = np.nonzero(has)
    nearest = np.argmin((rows - 0.5 * (ny - 1)) ** 2 + (columns - 0.5 * (nx - 1)) ** 2)
    return int(rows[nearest]), int(columns[nearest])


def _trimmed(kernel: Array, geometry: WcsGeometry, name: str) -> Array:
    """The kernel without rows and columns of zeros around it, kept square and odd."""
    half = kernel.shape[-1] // 2
    seen: NDArray[np.bool_] = (kernel != 0).any(axis=0)
    if not seen.any():
        raise InputError(f"TS map: model {name!r} predicts no counts; check its spectrum and the energies of the map")
    reach = max(int(np.abs(np.flatnonzero(seen.any(axis=axis)) - half).max()) for axis in (0, 1))
    if 2 * reach + 1 > 2 * max(geometry.shape) + 1:
        raise InputError(
            f"TS map: model {name!r} is {2 * reach + 1} pixels wide; the map only {geometry.shape[1]} x "
            f"{geometry.shape[0]}. Take a smaller source, a kernel_width, or a larger map."
        )
    part = slice(half - reach, half + reach + 1)
    return np.ascontiguousarray(kernel[:, part, part])


def _sheets(part: TsInput, band: slice, sum_energy: bool) -> list[Sheet]:
    """The images of a band, each with one kernel."""
    kernel, mask = part.kernel[band], part.mask[band]
    source, background, counts = part.source[band], part.background[band], part.counts[band]
    if not sum_energy:
        return [Sheet(*arrays) for arrays in zip(kernel, source, background, counts, strict=True)]
    source, background, counts = source.sum(axis=0), background.sum(axis=0), counts.sum(axis=0)
    sheets = []
    for safe, here in _patterns(mask):
        arrays = (np.where(here, values, 0.0) for values in (source, background, counts))
        sheets.append(Sheet(kernel[safe].mean(axis=0), *arrays))
    return sheets


def _patterns(mask: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Energies that are safe together, (ne,), and the pixels where just these are, (ny, nx), if any."""
    packed = np.ascontiguousarray(np.moveaxis(np.packbits(mask, axis=0), 0, -1))
    numbers = packed.view(np.dtype((np.void, packed.shape[-1])))[..., 0]
    _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
    columns = mask.reshape(len(mask), -1)[:, first].T
    which = which.reshape(mask.shape[1:])
    return [(safe, which == number) for number, safe in enumerate(columns) if safe.any()]


def _used(part: TsInput, band: slice) -> NDArray[np.bool_]:
    """Pixels that are safe at some energy and have background."""
    return np.asarray(part.mask[band].any(axis=0) & (part.background[band].sum(axis=0) > 0))


def _quantities(fit: NormMap, flux: float, n_sigma: float, asymmetric: bool, limits: bool) -> dict[str, Any]:
    """Maps of one band."""
    values = {
        "ts": fit.ts,
        "sqrt_ts": np.sign(fit.norm) * np.sqrt(np.maximum(fit.ts, 0.0)),
        "norm": fit.norm,
        "norm_err": n_sigma * fit.err,
        "flux": flux * fit.norm,
        "flux_err": flux * n_sigma * fit.err,
        "npred_excess": fit.norm * fit.signal,
        "niter": fit.n_iterations,
    }
    if limits:
        values["flux_ul"] = flux * fit.at_levels[-1]
    if asymmetric:
        values["flux_errn"] = flux * (fit.norm - fit.at_levels[0])
        values["flux_errp"] = flux * (fit.at_levels[1] - fit.norm)
    return values
