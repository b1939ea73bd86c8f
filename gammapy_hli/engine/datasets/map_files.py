"""Map datasets in GADF files: one FITS file a dataset, as gammapy reads and writes them (NUMERICS C.1).

Each quantity is an image and the table of its axes. One more table, HLI_DATASET, keeps with all digits what the format
has no place for: livetime, meta with its types, axes of which there is no image. All that is written is read back
bitwise; masks are images of 0 and 1 of eight bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import NUMBER_OF_HDUS, table_bytes
from gammapy_hli.engine.datasets.gadf import gti_bytes
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.map_cut import reco_arrays
from gammapy_hli.engine.datasets.map_read import WHAT, InputMaps
from gammapy_hli.engine.datasets.meta_table import meta_columns, read_meta
from gammapy_hli.engine.datasets.own_table import OWN_TABLE, own_table_bytes, read_own_table
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.dl3.gti import read_gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.map_files import header_of, write_hdus
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.edisp_migra_map import EdispMigraMap
from gammapy_hli.engine.irf.psf_map import PsfMap
from gammapy_hli.engine.irf.response_map import ResponseMap

OFF_IMAGES = ("COUNTS_OFF", "ACCEPTANCE", "ACCEPTANCE_OFF")
RECO_IMAGES = ("COUNTS", "BACKGROUND", "MASK_SAFE", "MASK_FIT", *OFF_IMAGES)


# -- writing ---------------------------------------------------------------------------------------------------------


def write_map_dataset(dataset: MapDataset, path: Path | str) -> Path:
    """Write one dataset to one FITS file, whole or not at all; a file that is there is replaced.

    Parameters
    ----------
    dataset : MapDataset
        With or without off counts.
    path : path
        File to write, packed where it ends with .gz; its folder must exist.

    Raises
    ------
    ValueError
        The dataset holds no map at all.
    """
    hdus = [hdu for name, one in dataset_maps(dataset).items() for hdu in one.to_hdus(name)]
    if not hdus:
        raise ValueError(f"dataset {dataset.name} holds no map: there is nothing to write")
    if dataset.gti is not None:
        hdus.append(_table_hdu(gti_bytes(dataset.gti)))
    if dataset.meta:
        hdus.append(_table_hdu(table_bytes("META_TABLE", meta_columns(dataset.meta))))
    axes = {name: _axis_values(getattr(dataset, name)) for name in ("energy", "energy_true")}
    texts = {"TYPE": type(dataset).__name__, "AXES": json.dumps(axes)}
    hdus.append(_table_hdu(own_table_bytes(dataset, texts)))
    cards = {"NAME": dataset.name, "CREATOR": "gammapy_hli", NUMBER_OF_HDUS: 1 + len(hdus)}
    return write_hdus(path, [fits.PrimaryHDU(header=header_of(cards)), *hdus], overwrite=True)


def dataset_maps(dataset: MapDataset) -> dict[str, SkyMap]:
    """Every map of a dataset by the name of its HDU, in the order of the file."""
    geometry, energy, true = dataset.geometry, dataset.energy, dataset.energy_true
    arrays = {name.upper(): SkyMap(geometry, (energy,), values) for name, values in reco_arrays(dataset).items()}
    maps = {name: arrays.pop(name) for name in ("COUNTS",) if name in arrays}
    if dataset.exposure is not None:
        livetime = float(dataset.livetime.value)
        meta = {"livetime": f"{livetime!r} s"} if np.isfinite(livetime) else {}
        maps["EXPOSURE"] = SkyMap(geometry, (true,), dataset.exposure.value, EXPOSURE_UNIT, meta)
    maps |= {name: arrays.pop(name) for name in ("BACKGROUND",) if name in arrays}
    if dataset.edisp is not None:
        maps |= _irf_maps("EDISP", dataset.edisp, "")
    if dataset.psf is not None:
        maps |= _irf_maps("PSF", dataset.psf, "sr-1")
    return maps | arrays


def _irf_maps(name: str, irf: ResponseMap, unit: str) -> dict[str, SkyMap]:
    maps = {name: SkyMap(irf.geometry, (irf.energy_true, irf.second_axis), irf.data, u.Unit(unit))}
    if irf.exposure is not None:
        axes = (irf.energy_true, irf.second_axis.squash())
        maps[f"{name}_EXPOSURE"] = SkyMap(irf.geometry, axes, irf.exposure.value[:, np.newaxis], EXPOSURE_UNIT)
    return maps


def _table_hdu(content: bytes) -> Any:
    return fits.BinTableHDU.fromstring(content)


def _axis_values(axis: Axis) -> dict[str, Any]:
    return {"edges": axis.edges.value.tolist(), "unit": axis.unit.to_string("fits"), "interp": axis.interp}


def _read_axes(text: str) -> dict[str, Axis]:
    """The axes of which there is no image, as `_axis_values` tells them."""
    return {
        name: Axis.from_edges(Quantity(axis["edges"], axis["unit"]), name, axis["interp"])
        for name, axis in json.loads(text).items()
    }


OWN_READERS: dict[str, Callable[[str], Any]] = {"TYPE": str, "AXES": _read_axes}


# -- reading ---------------------------------------------------------------------------------------------------------


def read_map_dataset(path: Path | str, name: str | None = None) -> MapDataset:
    """Read one dataset from a file of `write_map_dataset` or of gammapy, packed or not.

    Parameters
    ----------
    path : path
    name : str, optional
        Name of the dataset; default the one in the file.

    Raises
    ------
    InputError
        The file is missing or cut short, holds no maps, or maps that do not fit together.

    Notes
    -----
    Without a livetime in the file the on-time of its GTIs is taken, the best that can be known; nan where there are
    none. A psf or edisp may have other pixels and another axis of true energy than the exposure.
    """
    path = Path(path)
    maps = InputMaps(path)
    own = read_own_table(maps.tables[OWN_TABLE], OWN_READERS) if OWN_TABLE in maps else {}
    values = _read_maps(maps, own)
    gti = read_gti(maps.tables["GTI"]) if "GTI" in maps else None
    livetime = own.get("livetime", maps.livetime)
    if livetime is None:
        livetime = gti.ontime if gti is not None and len(gti) else np.nan * u.s
    meta = own.get("meta")
    if meta is None:
        meta = read_meta(maps.tables["META_TABLE"]) if "META_TABLE" in maps else {}
    name = name or own.get("name") or maps.name or path.name.removesuffix(".gz").removesuffix(".fits")
    is_on_off = own.get("type") == MapDatasetOnOff.__name__ or "ACCEPTANCE" in maps or "COUNTS_OFF" in maps
    if is_on_off:
        values.pop("background", None)
    try:
        kind = MapDatasetOnOff if is_on_off else MapDataset
        return kind(name=name, gti=gti, livetime=livetime, meta=meta, **values)
    except ValueError as error:
        raise InputError(f"{WHAT} {path}: {error}") from None


def _read_maps(maps: InputMaps, own: dict[str, Any]) -> dict[str, Any]:
    """Geometry, axes, arrays and responses of a dataset."""
    values: dict[str, Any] = {}
    reco = {name: one for name in RECO_IMAGES if (one := maps.find(name, ("energy",))) is not None}
    exposure = maps.find("EXPOSURE", ("energy_true",), EXPOSURE_UNIT)
    if exposure is not None:
        values["exposure"] = Quantity(exposure.data, EXPOSURE_UNIT, copy=False)
    for name, one in reco.items():
        values[name.lower()] = one.as_mask().data if name.startswith("MASK") else one.data
    values["psf"] = _read_psf(maps)
    values["geometry"] = maps.common_geometry([*reco, *(["EXPOSURE"] if exposure is not None else [])])
    known = own.get("axes", {})
    first = next(iter(reco.values()), None)
    energy = first.axis("energy") if first is not None else known.get("energy")
    true = exposure.axis("energy_true") if exposure is not None else known.get("energy_true")
    values["edisp"] = _read_edisp(maps, energy)
    irfs = [irf for irf in (values["edisp"], values["psf"]) if irf is not None]
    if energy is None and values["edisp"] is not None:
        energy = values["edisp"].energy
    if true is None:
        true = irfs[0].energy_true if irfs else energy.renamed("energy_true") if energy is not None else None
    if energy is None and true is not None:
        energy = true.renamed("energy")
    for name, one in reco.items():
        maps.check_axis(name, one.axis("energy"), energy)
    return {**values, "energy": energy, "energy_true": true}


def _read_psf(maps: InputMaps) -> PsfMap | None:
    found = maps.find("PSF", ("energy_true", "rad"), u.Unit("sr-1"))
    if found is None:
        return None
    true, rad = found.axes
    return PsfMap(found.geometry, true, rad, found.data, maps.irf_exposure("PSF", found))


def _read_edisp(maps: InputMaps, energy: Axis | None) -> EdispKernelMap | EdispMigraMap | None:
    """Kernels, or densities of migra, which make kernels for the energies of the counts (of the true ones without)."""
    second = "migra" if "migra" in maps.axes_of("EDISP") else "energy"
    found = maps.find("EDISP", ("energy_true", second), u.dimensionless_unscaled)
    if found is None:
        return None
    true, axis = found.axes
    exposure = maps.irf_exposure("EDISP", found)
    if second == "energy":
        return EdispKernelMap(found.geometry, true, axis, found.data, exposure)
    return EdispMigraMap(found.geometry, true, axis, energy or true.renamed("energy"), found.data, exposure)
