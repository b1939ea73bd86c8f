"""The responses of a map dataset for one source: a box of the map, the exposure in it, psf and energy dispersion.

They are looked up once, at the position of the source; a fit keeps them while the source moves (DESIGN section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.predict.psf_fold import PsfFolder

if TYPE_CHECKING:
    from gammapy_hli.engine.datasets.map import MapDataset

__all__ = ["MARGIN", "MapResponse", "diagonal_edisp", "find_map_response"]

Array = NDArray[np.float64]
Box = tuple[slice, slice]

MARGIN = 0.1
"""What a box is wider than the source on each side, and how far a source may move before responses change [deg]."""


@dataclass(frozen=True, eq=False)
class MapResponse:
    """Responses for one source in one dataset.

    Attributes
    ----------
    geometry : WcsGeometry
        The box, (ny, nx) pixels.
    box : (slice, slice)
        Its rows and columns in the map of the dataset.
    edges : array (nt + 1,) [TeV]
        True energy.
    exposure : array (nt, ny, nx) [cm2 s]
    edisp : array (nt, ne)
    psf : PsfFolder or None
    position : SkyCoord or None
        Where they were looked up; None for a source that fills the sky.
    """

    geometry: WcsGeometry
    box: Box
    edges: Array
    exposure: Array
    edisp: Array
    psf: PsfFolder | None
    position: SkyCoord | None


def find_map_response(model: SkyModel, dataset: MapDataset) -> MapResponse | None:
    """Responses at the position of a source; None where nothing of it can reach a used pixel of the map.

    The box is as wide as the psf kernel and the source, with 0.1 deg to spare on each side, and has an odd number of
    pixels before it is trimmed to the map (NUMERICS B.16).

    Raises
    ------
    InputError
        The source has no spatial model, or the dataset no exposure.
    """
    if model.spatial is None:
        raise InputError(
            f"source {model.name!r} has no spatial model; map dataset {dataset.name!r} needs one, e.g. "
            "'spatial: {type: point, lon_0: 83.63 deg, lat_0: 22.01 deg}'"
        )
    if dataset.exposure is None:
        raise InputError(
            f"dataset {dataset.name!r} has no exposure: counts of source {model.name!r} cannot be predicted. "
            "Reduce it again, or leave the source out with 'datasets_names'."
        )
    position, radius = model.position, model.spatial.radius(model.spatial.values)
    psf = dataset.psf
    kernels = (
        None
        if psf is None
        else psf.kernel(psf.geometry.center if position is None else position, dataset.geometry, dataset.energy_true)
    )
    box = _find_box(dataset, position, radius, 0 if kernels is None else kernels.shape[-1])
    if box is None:
        return None
    exposure = dataset.exposure[:, box[0], box[1]].to_value("cm2 s").astype(np.float64)
    return MapResponse(
        geometry=dataset.geometry.part(box).geometry,
        box=box,
        edges=dataset.energy_true.edges_value("TeV"),
        exposure=np.nan_to_num(exposure, posinf=0.0, neginf=0.0)
        if model.apply_irf["exposure"]
        else np.ones_like(exposure),
        edisp=_find_edisp(model, dataset, position),
        psf=PsfFolder(kernels) if kernels is not None and model.apply_irf["psf"] else None,
        position=position,
    )


def diagonal_edisp(energy_true: Axis, energy: Axis) -> Array:
    """Energy dispersion without any: the share of each true bin that lies in each reconstructed bin, (nt, ne)."""
    true, reco = energy_true.edges_value("TeV"), energy.edges_value("TeV")
    low, high = np.maximum(true[:-1, None], reco[:-1]), np.minimum(true[1:, None], reco[1:])
    return np.clip(high - low, 0.0, None) / np.diff(true)[:, None]


def _find_edisp(model: SkyModel, dataset: MapDataset, position: SkyCoord | None) -> Array:
    if dataset.edisp is None or not model.apply_irf["edisp"]:
        return diagonal_edisp(dataset.energy_true, dataset.energy)
    return np.nan_to_num(dataset.edisp.at(dataset.edisp.geometry.center if position is None else position))


def _find_box(dataset: MapDataset, position: SkyCoord | None, radius: float | None, n_kernel: int) -> Box | None:
    """Pixels that matter; None where none of them is used."""
    geometry = dataset.geometry
    if position is None or radius is None:
        return slice(0, geometry.shape[0]), slice(0, geometry.shape[1])
    psf_width = n_kernel * float(geometry.pixel_size.value.max())
    try:
        seen = geometry.cutout(position, (2 * radius + MARGIN + psf_width) * u.deg).big
        box = geometry.cutout(position, (2 * (radius + MARGIN) + psf_width) * u.deg, odd=True).big
    except ValueError:  # the box lies outside of the map, or the position has no pixel
        return None
    return box if dataset.mask[:, seen[0], seen[1]].any() else None
