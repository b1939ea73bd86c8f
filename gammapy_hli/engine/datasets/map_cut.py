"""Parts of map datasets: around a position, or between two energies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import astropy.units as u
import numpy as np

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gammapy_hli.engine.datasets.map import MapDataset

DatasetT = TypeVar("DatasetT", bound="MapDataset")

RECO_ARRAYS = ("counts", "background", "mask_safe", "mask_fit", "counts_off", "acceptance", "acceptance_off")
MIN_IRF_PIXELS = 3  # so that responses can be interpolated inside a narrow cutout


def reco_arrays(dataset: MapDataset) -> dict[str, np.ndarray]:
    """The arrays in reconstructed energy that can be set, without those that are None."""
    names = [name for name in RECO_ARRAYS if not (name == "background" and dataset.statistic == "wstat")]
    found = {name: getattr(dataset, name, None) for name in names}
    return {name: values for name, values in found.items() if values is not None}


def cutout(dataset: DatasetT, center: SkyCoord, width: Any, name: str | None = None) -> DatasetT:
    """The part of a dataset around a position, trimmed at the edge of the map.

    Responses are cut on their own pixels, at least three of them on a side.

    Parameters
    ----------
    dataset : MapDataset
    center : SkyCoord
    width : Quantity, scalar or (lon, lat)
        Full width; rint(width / pixel) pixels.
    name : str, optional
        Default that of the dataset.

    Raises
    ------
    ValueError
        The cutout does not touch the map.
    """
    cut = dataset.geometry.cutout(center, width)
    pixels = (..., *cut.big)
    changes: dict[str, Any] = {key: values[pixels] for key, values in reco_arrays(dataset).items()}
    if dataset.exposure is not None:
        changes["exposure"] = dataset.exposure[pixels]
    for key in ("psf", "edisp"):
        if getattr(dataset, key) is not None:
            changes[key] = cut_irf(getattr(dataset, key), center, width)
    return replace(dataset, name=name or dataset.name, geometry=cut.geometry, **changes)


def cut_irf(irf: Any, center: SkyCoord, width: Any) -> Any:
    """The part of a PsfMap or EdispKernelMap around a position, three pixels wide or more."""
    cut = irf.geometry.cutout(center, width, min_pixels=MIN_IRF_PIXELS)
    pixels = (..., *cut.big)
    exposure = None if irf.exposure is None else irf.exposure[pixels]
    return replace(irf, geometry=cut.geometry, data=irf.data[pixels], exposure=exposure)


def slice_energy(dataset: DatasetT, min: Any = None, max: Any = None, name: str | None = None) -> DatasetT:
    """The energy bins between the edges that are nearest to two energies.

    Parameters
    ----------
    dataset : MapDataset
    min, max : Quantity or text, optional
        Energies; None is the end of the axis.
    name : str, optional
        Default that of the dataset.

    Raises
    ------
    ValueError
        No bin lies between them.
    """
    axis = dataset.energy
    start = 0 if min is None else int(axis.nearest_edge(u.Quantity(min)))
    stop = axis.nbin if max is None else int(axis.nearest_edge(u.Quantity(max)))
    if start >= stop:
        raise ValueError(
            f"dataset {dataset.name}: no energy bin between {min} and {max}; its axis has {axis.nbin} bins from "
            f"{axis.edges[0]:.4g} to {axis.edges[-1]:.4g}"
        )
    changes: dict[str, Any] = {key: values[start:stop] for key, values in reco_arrays(dataset).items()}
    edisp = dataset.edisp
    if edisp is not None:
        edisp = edisp.sliced(start, stop)
    return replace(dataset, name=name or dataset.name, energy=axis.slice(start, stop), edisp=edisp, **changes)
