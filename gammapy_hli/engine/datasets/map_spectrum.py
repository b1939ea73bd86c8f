"""The spectrum of a region of a map dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.engine.datasets.gadf import diagonal_edisp
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT, SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.region import region_center
from gammapy_hli.engine.geom.region_image import region_mask_on
from gammapy_hli.engine.irf.response_map import nearest_pixel

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.datasets.map import MapDataset


def to_spectrum(
    dataset: MapDataset, region: SkyRegion, containment_correction: bool = False, name: str | None = None
) -> SpectrumDataset:
    """The spectrum of the pixels whose centers lie in a region.

    counts, background, counts_off: sums over the safe pixels; exposure: mean of all pixels, times the containment of
    the circle where asked for; acceptance: mean of the safe pixels, acceptance_off = acceptance counts_off /
    background, so that the excess stays what it was; energy dispersion: that of the center; mask_safe: any pixel.

    Parameters
    ----------
    dataset : MapDataset or MapDatasetOnOff
    region : regions.SkyRegion
        Inside the map as a whole; a circle for the containment correction.
    containment_correction : bool
        Multiply the exposure with the part of a point source at the center that the circle holds.
    name : str, optional
        Default that of the dataset.

    Returns
    -------
    SpectrumDataset or SpectrumDatasetOnOff
        With a safe mask that holds the fit mask too, where there is one.

    Raises
    ------
    ValueError
        The region leaves the map, holds no pixel, cuts a safe mask in two, or counts, exposure or psf are missing.
    """
    _check_parts(dataset)
    inside = _region_pixels(dataset, region)
    safe, fitted = dataset.safe[:, inside], dataset.mask[:, inside]
    if not np.all(fitted.all(axis=1) | ~fitted.any(axis=1)):
        raise ValueError(
            f"dataset {dataset.name}: the mask changes inside the region; expected it to be the same in all of its "
            f"{int(inside.sum())} pixels at each energy. Use a smaller region, or a mask in energy alone"
        )
    assert dataset.exposure is not None
    exposure = dataset.exposure[:, inside].value.mean(axis=1, dtype=np.float64)
    edisp, edisp_exposure = _edisp_at_center(dataset, region, exposure)
    if containment_correction:
        exposure = exposure * _containment(dataset, region)
    common: dict[str, Any] = {
        "name": name or dataset.name,
        "energy": dataset.energy,
        "energy_true": dataset.energy_true,
        "counts": _safe_sum(dataset.counts, inside, safe),
        "exposure": Quantity(exposure, EXPOSURE_UNIT),
        "edisp": edisp,
        "edisp_exposure": Quantity(edisp_exposure, EXPOSURE_UNIT),
        "mask_safe": fitted.any(axis=1),
        "livetime": dataset.livetime,
        "gti": dataset.gti,
        "region": region,
        "meta": dataset.meta,
    }
    background = None if dataset.background is None else _safe_sum(dataset.background, inside, safe)
    if dataset.statistic == "wstat":
        return SpectrumDatasetOnOff(**common, **_off_parts(dataset, inside, safe, background))
    return SpectrumDataset(**common, background=background)


def _check_parts(dataset: MapDataset) -> None:
    for part in ("counts", "exposure"):
        if getattr(dataset, part) is None:
            raise ValueError(f"dataset {dataset.name} has no {part}; a spectrum needs counts and exposure")


def _region_pixels(dataset: MapDataset, region: SkyRegion) -> np.ndarray:
    """Pixels in the region, shape (ny, nx)."""
    padded = region_mask_on(dataset.geometry.pad(1), region)
    inside = padded[1:-1, 1:-1]
    if padded.sum() > inside.sum():
        raise ValueError(f"dataset {dataset.name}: the region is not as a whole inside the map; move it or shrink it")
    if not inside.any():
        raise ValueError(
            f"dataset {dataset.name}: no pixel center lies in the region; expected one or more of the "
            f"{dataset.geometry.shape} pixels. Is the region on the map, and larger than a pixel?"
        )
    return np.asarray(inside)


def _safe_sum(values: Any, inside: np.ndarray, safe: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(np.nan_to_num(values[:, inside]), axis=1, where=safe, dtype=np.float64))


def _off_parts(dataset: Any, inside: np.ndarray, safe: np.ndarray, background: np.ndarray | None) -> dict[str, Any]:
    if dataset.acceptance is None or dataset.counts_off is None or background is None:
        zeros = np.zeros(dataset.energy.nbin)
        return {"counts_off": None, "acceptance": zeros, "acceptance_off": zeros}
    n_safe = safe.sum(axis=1)
    acceptance = _safe_sum(dataset.acceptance, inside, safe) / np.maximum(n_safe, 1)
    counts_off = _safe_sum(dataset.counts_off, inside, safe)
    acceptance_off = np.zeros_like(acceptance)
    np.divide(acceptance * counts_off, background, out=acceptance_off, where=background > 0)
    return {"counts_off": counts_off, "acceptance": acceptance, "acceptance_off": acceptance_off}


def _edisp_at_center(dataset: MapDataset, region: SkyRegion, exposure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energy dispersion (nt, ne) at the center of the region, and its exposure (nt,) [m2 s]."""
    edisp = dataset.edisp
    if edisp is None:
        return diagonal_edisp(dataset.energy, dataset.energy_true), exposure
    if edisp.energy_true.nbin != dataset.energy_true.nbin:
        raise ValueError(
            f"dataset {dataset.name}: edisp has {edisp.energy_true.nbin} bins of energy_true, exposure "
            f"{dataset.energy_true.nbin}; expected one axis"
        )
    center = region_center(region)
    if edisp.exposure is None:
        return edisp.at(center), exposure
    x, y = (float(_) for _ in edisp.geometry.position_to_pixel(center))
    row, column = nearest_pixel((y, x), edisp.geometry.shape)
    return edisp.at(center), np.asarray(u.Quantity(edisp.exposure, EXPOSURE_UNIT).value[:, row, column])


def _containment(dataset: MapDataset, region: SkyRegion) -> np.ndarray:
    """Part of a point source at the center of a circle that the circle holds, shape (nt,)."""
    if type(region).__name__ != "CircleSkyRegion":
        raise ValueError(f"the containment correction needs a circle, got a {type(region).__name__}")
    psf = dataset.psf
    if psf is None:
        raise ValueError(f"dataset {dataset.name} has no psf; the containment correction needs one")
    edges = psf.rad.edges_value("rad")
    profile = np.asarray(psf.at(region_center(region)))  # (nt of the psf, nrad) sr-1
    rings = 2 * np.pi * psf.rad.center_value("rad") * np.diff(edges)  # around the nodes, where the axis has some
    held = np.cumsum(profile * rings, axis=1)
    held = np.concatenate([np.zeros((len(held), 1)), held], axis=1)
    radius = region.radius.to_value("rad")
    containment = np.array([np.interp(radius, edges, row) for row in held])
    if psf.energy_true.same_as(dataset.energy_true):
        return containment
    nodes, wanted = (np.log(axis.center_value("TeV")) for axis in (psf.energy_true, dataset.energy_true))
    return np.interp(wanted, nodes, containment)
