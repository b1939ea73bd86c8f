"""Spectra in GADF map files: one FITS file a dataset, as gammapy reads and writes them (NUMERICS C.3).

Each quantity NAME is three tables: NAME (values), NAME_BANDS (energy bins), NAME_REGION (the region). One more table,
HLI_DATASET, keeps with all digits what the format has no place for: livetime, regions and meta with their types.
Everything that is written reads back bitwise.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.atomic_write import write_bytes
from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import NUMBER_OF_HDUS, Column, file_bytes, table_bytes
from gammapy_hli.engine.datasets.meta_table import meta_columns, read_meta
from gammapy_hli.engine.datasets.own_table import OWN_TABLE, own_table_bytes, read_own_table
from gammapy_hli.engine.datasets.region_hdu import read_regions
from gammapy_hli.engine.datasets.region_text import region_from_text, regions_from_text
from gammapy_hli.engine.datasets.same import Same, region_table, same_axis, same_region, same_regions
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT, SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.fits_file import FitsFile
from gammapy_hli.engine.dl3.gti import Gti, read_gti
from gammapy_hli.engine.geom.axes import Axis

OWN_READERS = {"REGION": region_from_text, "REGIONS_OFF": regions_from_text}
COLUMN_PREFIX = {"energy": "E", "energy_true": "ENERGY_TRUE"}


# -- writing ---------------------------------------------------------------------------------------------------------


def write_gadf(dataset: SpectrumDataset, path: Path | str) -> Path:
    """Write one dataset to one FITS file, whole or not at all.

    Parameters
    ----------
    dataset : SpectrumDataset
        With or without off counts.
    path : path
        File to write; its folder must exist.
    """
    path = Path(path)
    write_bytes(path, gadf_bytes(dataset))
    return path


def gadf_bytes(dataset: SpectrumDataset) -> bytes:
    """The content of the file that `write_gadf` writes."""
    energy, true = dataset.energy, dataset.energy_true
    region = same_region(dataset.region)
    regions_off = same_regions(dataset.regions_off if isinstance(dataset, SpectrumDatasetOnOff) else ())
    parts = [
        *_quantity("COUNTS", dataset.counts, [energy], region),
        *_quantity("EXPOSURE", dataset.exposure, [true], region),
        *_quantity("EDISP", dataset.edisp, [energy, true], region),
        *_quantity("EDISP_EXPOSURE", dataset.edisp_exposure, [energy.squash(), true], region),
        *_quantity("MASK_SAFE", dataset.mask_safe, [energy], region),
    ]
    if isinstance(dataset, SpectrumDatasetOnOff):
        off = regions_off if len(dataset.regions_off) else region
        if dataset.counts_off is not None:
            parts.extend(_quantity("COUNTS_OFF", dataset.counts_off, [energy], off))
        parts.extend(_quantity("ACCEPTANCE", dataset.acceptance, [energy], region))
        parts.extend(_quantity("ACCEPTANCE_OFF", dataset.acceptance_off, [energy], off))
    elif dataset.background is not None:
        parts.extend(_quantity("BACKGROUND", dataset.background, [energy], region))
    if dataset.gti is not None:
        parts.append(gti_bytes(dataset.gti))
    if dataset.meta:
        parts.append(table_bytes("META_TABLE", meta_columns(dataset.meta)))
    texts = {"REGION": region.key if region is not None else "", "REGIONS_OFF": regions_off.key}
    parts.append(own_table_bytes(dataset, texts))
    return file_bytes(parts, {"NAME": dataset.name, "CREATOR": "gammapy_hli"})


def gti_bytes(gti: Gti) -> bytes:
    """The GTI table of a dataset."""
    columns = [Column("START", gti.start, "s"), Column("STOP", gti.stop, "s")]
    return table_bytes("GTI", columns, gti.clock_cards)


def _quantity(name: str, values: Any, axes: list[Axis], region: Same | None) -> list[bytes]:
    """Three tables: values with one row a bin of the last axis, energy bins, region."""
    unit = _fits_unit(values.unit) if isinstance(values, Quantity) else None
    numbers = np.asarray(values.value if isinstance(values, Quantity) else values)
    shape = (axes[-1].nbin, *(axis.nbin for axis in reversed(axes[:-1])), 1, 1)
    channel = Column("CHANNEL", np.arange(shape[0], dtype=np.int16))
    tables = [
        table_bytes(name, [channel, Column("DATA", numbers.reshape(shape), unit)], _axis_cards(axes)),
        _bands_bytes(name, *map(same_axis, axes)),
    ]
    if region is not None:
        tables.append(region_table(f"{name}_REGION", region))
    return tables


@lru_cache(maxsize=64)
def _bands_bytes(name: str, *axes: Same) -> bytes:
    """The energy bins, which the datasets of one reduction share."""
    found = [axis.value for axis in axes]
    return table_bytes(f"{name}_BANDS", _band_columns(found), _axis_cards(found))


@lru_cache(maxsize=64)
def _fits_unit(unit: u.UnitBase) -> str:
    return str(unit.to_string("fits"))


def _axis_cards(axes: list[Axis]) -> dict[str, Any]:
    cards: dict[str, Any] = {}
    for position, axis in enumerate(axes, start=1):
        prefix = COLUMN_PREFIX[axis.name]
        cards |= {f"AXCOLS{position}": f"{prefix}_MIN,{prefix}_MAX", f"INTERP{position}": axis.interp}
    return cards


def _band_columns(axes: list[Axis]) -> list[Column]:
    """CHANNEL and center, min, max of each axis for all combinations of bins, first axis fastest."""
    counts = [axis.nbin for axis in axes]
    index = np.indices(list(reversed(counts))).reshape(len(axes), -1)[::-1]
    columns = [Column("CHANNEL", np.arange(index.shape[1]))]
    for axis, position in zip(axes, index, strict=True):
        unit, edges, center = axis.unit.to_string("fits"), axis.edges.value, axis.center.value
        name, prefix = axis.name.upper(), COLUMN_PREFIX[axis.name]
        columns.append(Column(name, center[position], unit))
        columns.append(Column(f"{prefix}_MIN", edges[:-1][position], unit))
        columns.append(Column(f"{prefix}_MAX", edges[1:][position], unit))
    return columns


# -- reading ---------------------------------------------------------------------------------------------------------


def read_gadf(path: Path | str, name: str | None = None) -> SpectrumDataset:
    """Read one dataset from a file of `write_gadf` or of gammapy.

    Parameters
    ----------
    path : path
    name : str, optional
        Name of the dataset; default the one in the file.

    Raises
    ------
    InputError
        Where the file is missing, cut short, or lacks a table that a spectrum needs. A file without livetime (as
        gammapy writes it) gets the on-time of its GTIs, the best that can be known.

    Notes
    -----
    A MASK_FIT of gammapy is joined with the safe mask: both say which bins count in a fit.
    """
    file = open_dataset_file(path)
    present = set(file.names())
    energy = _read_axis(file, "COUNTS_BANDS", "energy")
    true = _read_axis(file, "EXPOSURE_BANDS", "energy_true")
    own = read_own_table(file.table(OWN_TABLE), OWN_READERS) if OWN_TABLE in present else {}
    gti = read_gti(file.table("GTI")) if "GTI" in present else None
    values: dict[str, Any] = {
        "name": name or own.get("name") or str(file.header(0).get("NAME", Path(path).stem)),
        "energy": energy,
        "energy_true": true,
        "counts": _read_values(file, "COUNTS", (energy.nbin,)),
        "exposure": _read_values(file, "EXPOSURE", (true.nbin,), EXPOSURE_UNIT),
        "gti": gti,
        "mask_safe": _read_mask(file, present, energy.nbin),
        "livetime": own.get("livetime", gti.ontime if gti is not None else np.nan * u.s),
        "region": own["region"] if own else _read_one_region(file, present),
        "meta": own["meta"] if own else (read_meta(file.table("META_TABLE")) if "META_TABLE" in present else {}),
    }
    values |= _read_edisp(file, present, values["exposure"], energy, true)
    if "ACCEPTANCE" in present:
        return SpectrumDatasetOnOff(**values, **_read_off(file, present, energy.nbin, own))
    background = _read_values(file, "BACKGROUND", (energy.nbin,)) if "BACKGROUND" in present else None
    return SpectrumDataset(**values, background=background)


def open_dataset_file(path: Path | str) -> FitsFile:
    """Open a file that should hold a dataset; InputError where it is not there, no FITS file or cut short."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such dataset file; correct the name, or reduce the run again")
    file = FitsFile(Path(path))
    found, expected = len(file.names()), file.header(0).get(NUMBER_OF_HDUS)
    if isinstance(expected, int) and found < expected:
        raise InputError(f"{path}: truncated; {found} of its {expected} HDUs are there. Reduce the run again.")
    if found > 1 and file.header(found - 1).get("XTENSION") == "BINTABLE":
        file.table(found - 1)  # raises where its data are cut short
    return file


def _read_axis(file: FitsFile, hdu: str, name: str) -> Axis:
    table, prefix = file.table(hdu), COLUMN_PREFIX[name]
    low, high = table.raw(f"{prefix}_MIN"), table.raw(f"{prefix}_MAX")
    unit = table.unit_text(f"{prefix}_MIN") or "TeV"
    if not np.allclose(low[1:], high[:-1], rtol=1e-6):
        raise InputError(f"{table.where}: the {name} bins do not touch; expected {prefix}_MAX equal to the next _MIN")
    try:
        edges = Quantity(np.append(low, high[-1]).astype(float), u.Unit(unit))
        return Axis.from_edges(edges, name=name, interp="lin" if table.header.get("INTERP1") == "lin" else "log")
    except ValueError as error:
        raise InputError(f"{table.where}: {error}") from None


def _read_values(file: FitsFile, name: str, shape: tuple[int, ...], unit: u.UnitBase | None = None) -> Any:
    table = file.table(name)
    values = table.floats("DATA", str(unit)) if unit is not None else np.asarray(table.raw("DATA"), dtype=float)
    if values.size != np.prod(shape):
        raise InputError(
            f"{table.where}, column DATA: got {values.size} values, expected {int(np.prod(shape))} from the bins"
        )
    values = values.reshape(shape)
    return values if unit is None else Quantity(values, unit)


def _read_mask(file: FitsFile, present: set[str], n_bins: int) -> np.ndarray:
    mask = np.ones(n_bins, dtype=bool)
    for name in {"MASK_SAFE", "MASK_FIT"} & present:
        mask &= _read_values(file, name, (n_bins,)).astype(bool)
    return mask


def _read_edisp(file: FitsFile, present: set[str], exposure: Quantity, energy: Axis, true: Axis) -> dict[str, Any]:
    if "EDISP" not in present:
        return {"edisp": diagonal_edisp(energy, true), "edisp_exposure": exposure}
    edisp = _read_values(file, "EDISP", (true.nbin, energy.nbin))
    if "EDISP_EXPOSURE" in present:
        exposure = _read_values(file, "EDISP_EXPOSURE", (true.nbin,), EXPOSURE_UNIT)
    return {"edisp": edisp, "edisp_exposure": exposure}


def diagonal_edisp(energy: Axis, true: Axis) -> np.ndarray:
    """Energy dispersion of a perfect instrument, shape (nt, ne): the overlap of the bins in the scale of the axis."""
    low, high = np.log(true.edges_value("TeV")[:-1, None]), np.log(true.edges_value("TeV")[1:, None])
    reco = np.log(energy.edges_value("TeV"))
    overlap = np.minimum(high, reco[1:]) - np.maximum(low, reco[:-1])
    return np.clip(overlap, 0, None) / (high - low)


def _read_off(file: FitsFile, present: set[str], n_bins: int, own: dict[str, Any]) -> dict[str, Any]:
    if own:
        regions_off = own["regions_off"]
    else:
        regions_off = read_regions(file.table("COUNTS_OFF_REGION")) if "COUNTS_OFF_REGION" in present else ()
    return {
        "counts_off": _read_values(file, "COUNTS_OFF", (n_bins,)) if "COUNTS_OFF" in present else None,
        "acceptance": _read_values(file, "ACCEPTANCE", (n_bins,)),
        "acceptance_off": _read_values(file, "ACCEPTANCE_OFF", (n_bins,)),
        "regions_off": regions_off,
    }


def _read_one_region(file: FitsFile, present: set[str]) -> Any:
    if "COUNTS_REGION" not in present:
        return None
    regions = read_regions(file.table("COUNTS_REGION"))
    return regions[0] if len(regions) == 1 else None
