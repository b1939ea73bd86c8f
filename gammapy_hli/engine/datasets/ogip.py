"""On/off spectra in OGIP files, which Sherpa, XSPEC, 3ML and gammapy read: X.fits, X_bkg.fits, X_arf.fits, X_rmf.fits.

Energies are in keV and areas in cm2 as the standard has it (Sherpa does not look at units). The response matrix is
float32, by the standard; GADF files (gadf.py) keep everything.

References
----------
OGIP/92-007 (spectra, version 1.2.1), CAL/GEN/92-002 (responses); NUMERICS C.2.
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
from gammapy_hli.base.names import slug
from gammapy_hli.engine.datasets.fits_bytes import Column, file_bytes, table_bytes
from gammapy_hli.engine.datasets.gadf import diagonal_edisp, gti_bytes, open_dataset_file
from gammapy_hli.engine.datasets.region_hdu import read_regions
from gammapy_hli.engine.datasets.rmf import matrix_columns, read_matrix
from gammapy_hli.engine.datasets.same import Same, region_table, same_axis, same_region, same_regions
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.fits_file import FitsFile, FitsTable
from gammapy_hli.engine.dl3.gti import read_gti
from gammapy_hli.engine.geom.axes import Axis

ENERGY, AREA = "keV", "cm2"
BAD = 1  # QUALITY: defined bad by software
RESPONSE = {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE"}


# -- writing ---------------------------------------------------------------------------------------------------------


def write_ogip(dataset: SpectrumDataset, folder: Path | str, overwrite: bool = False, stem: str | None = None) -> Path:
    """Write one dataset as spectrum, background, effective area and response matrix.

    Parameters
    ----------
    dataset : SpectrumDataset
        With off counts; or without any background.
    folder : path
        Made where it is not there.
    overwrite : bool
        Whether files that are there may be replaced.
    stem : str, optional
        Name of the files without ending; default ``ogip_obs<name>``.

    Returns
    -------
    Path
        The spectrum file, written last: it names the others.

    Raises
    ------
    ValueError
        The background is a model, for which OGIP has no place, or the livetime is not known.
    FileExistsError
        A file is there and `overwrite` is false.
    """
    if not isinstance(dataset, SpectrumDatasetOnOff) and dataset.background is not None:
        raise ValueError(f"dataset {dataset.name}: OGIP holds no modelled background; write it with write_gadf")
    if not dataset.livetime.value > 0:
        raise ValueError(f"dataset {dataset.name}: livetime is {dataset.livetime}; OGIP needs one above 0 s")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = stem or f"ogip_obs{slug(dataset.name)}"
    contents = {f"{stem}_arf.fits": _arf_bytes(dataset), f"{stem}_rmf.fits": _rmf_bytes(dataset)}
    links = {"ANCRFILE": f"{stem}_arf.fits", "RESPFILE": f"{stem}_rmf.fits", "BACKFILE": "none"}
    if isinstance(dataset, SpectrumDatasetOnOff) and dataset.counts_off is not None:
        links["BACKFILE"] = f"{stem}_bkg.fits"
        contents[links["BACKFILE"]] = _background_bytes(dataset)
    contents[f"{stem}.fits"] = _source_bytes(dataset, links)
    for filename in contents:
        if (folder / filename).exists() and not overwrite:
            raise FileExistsError(f"{folder / filename} is there already; pass overwrite=True to replace it")
    for filename, content in contents.items():
        write_bytes(folder / filename, content)
    return folder / f"{stem}.fits"


def _source_bytes(dataset: SpectrumDataset, links: dict[str, str]) -> bytes:
    if links["BACKFILE"] == "none":
        links = {key: value for key, value in links.items() if key != "BACKFILE"}  # gammapy opens whatever it names
    acceptance = dataset.acceptance if isinstance(dataset, SpectrumDatasetOnOff) else np.ones(dataset.energy.nbin)
    parts = _spectrum_parts(dataset, dataset.counts, acceptance, "TOTAL", links)
    region = same_region(dataset.region)
    if region is not None:
        parts.append(region_table("REGION", region))
    if dataset.gti is not None:
        parts.append(gti_bytes(dataset.gti))
    return file_bytes(parts)


def _background_bytes(dataset: SpectrumDatasetOnOff) -> bytes:
    links = {"ANCRFILE": "none", "RESPFILE": "none", "BACKFILE": "none"}
    counts_off = np.zeros(dataset.energy.nbin) if dataset.counts_off is None else dataset.counts_off
    parts = _spectrum_parts(dataset, counts_off, dataset.acceptance_off, "BKG", links)
    if len(dataset.regions_off):
        parts.append(region_table("REGION", same_regions(dataset.regions_off)))
    return file_bytes(parts)


def _spectrum_parts(
    dataset: SpectrumDataset, counts: np.ndarray, acceptance: np.ndarray, kind: str, links: dict[str, str]
) -> list[bytes]:
    is_whole = np.array_equal(counts, np.rint(counts)) and abs(counts).max(initial=0) < 2**31
    n_bins = dataset.energy.nbin
    columns = [
        Column("CHANNEL", np.arange(n_bins, dtype=np.int16)),
        Column("COUNTS", counts.astype(np.int32) if is_whole else counts, "count"),
        Column("QUALITY", np.where(dataset.mask_safe, 0, BAD).astype(np.int16)),
        Column("BACKSCAL", acceptance),
    ]
    cards: dict[str, Any] = {**_instrument(dataset), "EXPOSURE": dataset.livetime.to_value("s"), **links}
    cards |= {"CORRFILE": "none", "CORRSCAL": 0.0, "AREASCAL": 1.0, "GROUPING": 0, "SYS_ERR": 0.0}
    cards |= {"HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUVERS": "1.2.1", "HDUCLAS2": kind}
    cards |= {"HDUCLAS3": "COUNT", "HDUCLAS4": "TYPE:1", "POISSERR": True, "CHANTYPE": "PHA", "DETCHANS": n_bins}
    cards |= {"TLMIN1": 0, "TLMAX1": n_bins - 1, "OBS_ID": dataset.name}
    return [table_bytes("SPECTRUM", columns, cards), _ebounds_bytes(dataset)]


def _instrument(dataset: SpectrumDataset) -> dict[str, str]:
    first = {key: (dataset.meta.get(key) or [""])[0] for key in ("TELESCOP", "INSTRUME")}
    return {key: str(value) or "unknown" for key, value in first.items()} | {"FILTER": "None"}


def _ebounds_bytes(dataset: SpectrumDataset) -> bytes:
    return _ebounds(same_axis(dataset.energy), tuple(_instrument(dataset).items()))


@lru_cache(maxsize=64)
def _ebounds(energy: Same, instrument: tuple[tuple[str, str], ...]) -> bytes:
    edges = energy.value.edges_value(ENERGY)
    channel = Column("CHANNEL", np.arange(len(edges) - 1, dtype=np.int16))
    columns = [channel, Column("E_MIN", edges[:-1], ENERGY), Column("E_MAX", edges[1:], ENERGY)]
    cards = {**dict(instrument), "CHANTYPE": "PHA", "DETCHANS": len(edges) - 1, **RESPONSE}
    return table_bytes("EBOUNDS", columns, {**cards, "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0"})


def _arf_bytes(dataset: SpectrumDataset) -> bytes:
    edges = dataset.energy_true.edges_value(ENERGY)
    area = (dataset.exposure / dataset.livetime).to_value(AREA)
    columns = [
        Column("ENERG_LO", edges[:-1], ENERGY),
        Column("ENERG_HI", edges[1:], ENERGY),
        Column("SPECRESP", area, AREA),
    ]
    cards = {**_instrument(dataset), **RESPONSE, "HDUCLAS2": "SPECRESP", "HDUVERS": "1.1.0"}
    return file_bytes([table_bytes("SPECRESP", columns, cards)])


def _rmf_bytes(dataset: SpectrumDataset) -> bytes:
    matrix = Same((dataset.edisp.shape, dataset.edisp.tobytes()), dataset.edisp)
    axes = same_axis(dataset.energy_true), same_axis(dataset.energy)
    return _rmf(matrix, *axes, tuple(_instrument(dataset).items()))


@lru_cache(maxsize=4)
def _rmf(matrix: Same, energy_true: Same, energy: Same, instrument: tuple[tuple[str, str], ...]) -> bytes:
    """The response file; parts of one run have the same."""
    columns, cards = matrix_columns(matrix.value, energy_true.value.edges_value(ENERGY), ENERGY)
    table = table_bytes("MATRIX", columns, {**dict(instrument), **RESPONSE, **cards})
    return file_bytes([table, _ebounds(energy, instrument)])


# -- reading ---------------------------------------------------------------------------------------------------------


def read_ogip(path: Path | str, name: str | None = None) -> SpectrumDataset:
    """Read a spectrum and the background, effective area and response files that it names.

    Parameters
    ----------
    path : path
        The spectrum file. Files that it names are looked for beside it.
    name : str, optional
        Name of the dataset; default its OBS_ID.

    Returns
    -------
    SpectrumDatasetOnOff
        With BACKFILE; a SpectrumDataset without background otherwise.

    Raises
    ------
    InputError
        Where a file is missing or cut short, a column or a keyword that is needed is absent, or sizes differ.
    """
    path = Path(path)
    file = open_dataset_file(path)
    spectrum = file.table("SPECTRUM")
    energy = _read_energy(file)
    livetime = _exposure(spectrum)
    true, area = _read_arf(_linked(spectrum, path, "ANCRFILE"))
    exposure = area * livetime
    area_scale = _channels(spectrum, "AREASCAL", energy.nbin, 1.0)  # part of the area that each channel sees
    present = file.names()
    gti = read_gti(file.table("GTI")) if "GTI" in present else None
    regions = read_regions(file.table("REGION")) if "REGION" in present else ()
    run = str(spectrum.header.get("OBS_ID", path.stem)).strip()
    values: dict[str, Any] = {
        "name": name or run,
        "energy": energy,
        "energy_true": true,
        "counts": _channels(spectrum, "COUNTS", energy.nbin),
        "exposure": exposure,
        "edisp": _read_rmf(spectrum, path, energy, true) * area_scale,
        "edisp_exposure": exposure,
        "mask_safe": _channels(spectrum, "QUALITY", energy.nbin, 0) == 0,
        "livetime": livetime,
        "gti": gti,
        "region": regions[0] if len(regions) == 1 else None,
        "meta": {"OBS_ID": [int(run) if run.isdecimal() else run], "TELESCOP": [_telescope(spectrum)]},
    }
    background = _linked(spectrum, path, "BACKFILE", is_needed=False)
    if background is None:
        return SpectrumDataset(**values)
    acceptance = _channels(spectrum, "BACKSCAL", energy.nbin, 1.0) * area_scale
    return SpectrumDatasetOnOff(**values, acceptance=acceptance, **_read_off(background, energy.nbin, livetime))


def _read_off(path: Path, n_bins: int, livetime: Quantity) -> dict[str, Any]:
    file = open_dataset_file(path)
    table = file.table("SPECTRUM")
    acceptance = _channels(table, "BACKSCAL", n_bins, 1.0) * _channels(table, "AREASCAL", n_bins, 1.0)
    livetime_off = _exposure(table)
    if livetime_off != livetime:
        acceptance = acceptance * (livetime_off / livetime).to_value("")  # OGIP scales by the times too
    regions = read_regions(file.table("REGION")) if "REGION" in file.names() else ()
    return {"counts_off": _channels(table, "COUNTS", n_bins), "acceptance_off": acceptance, "regions_off": regions}


def _telescope(table: FitsTable) -> str:
    return str(table.header.get("TELESCOP", "unknown")).strip()


def _exposure(table: FitsTable) -> Quantity:
    value = table.header.get("EXPOSURE")
    if not isinstance(value, int | float) or not value > 0:
        raise InputError(f"{table.where}: EXPOSURE is {value!r}; expected the livetime in s, above 0")
    return Quantity(value, "s")


def _channels(table: FitsTable, name: str, n_bins: int, default: float | None = None) -> np.ndarray:
    """A column, or the keyword of that name for all channels, or the default."""
    if not table.has(name) and default is not None:
        value = table.header.get(name, default)
        return np.full(n_bins, float(value) if isinstance(value, int | float) else default)
    values = np.asarray(table.raw(name), dtype=float)
    if values.shape != (n_bins,):
        raise InputError(f"{table.where}, column {name}: got shape {values.shape}; EBOUNDS has {n_bins} channels")
    return values


def _read_energy(file: FitsFile) -> Axis:
    return _axis(file.table("EBOUNDS"), "E_MIN", "E_MAX", "energy")


def _axis(table: FitsTable, low: str, high: str, name: str) -> Axis:
    lower, upper = (_in_tev(table.floats(column, ENERGY, ENERGY)) for column in (low, high))
    if not np.allclose(lower[1:], upper[:-1], rtol=1e-5):
        raise InputError(f"{table.where}: the bins of {low}, {high} do not touch; expected them without gaps")
    try:
        return Axis.from_edges(Quantity(np.append(lower, upper[-1]), u.TeV), name=name)
    except ValueError as error:
        raise InputError(f"{table.where}: {error}") from None


def _in_tev(energy: np.ndarray) -> np.ndarray:
    """keV to TeV, to 15 digits: 1e8 keV is 0.1 TeV and not the float after it, so that ranges find their edges."""
    return np.array([float(f"{value * 1e-9:.15g}") for value in energy])


def _read_arf(path: Path | None) -> tuple[Axis, Quantity]:
    assert path is not None  # _linked raises where it is needed
    table = open_dataset_file(path).table("SPECRESP")
    return _axis(table, "ENERG_LO", "ENERG_HI", "energy_true"), Quantity(table.floats("SPECRESP", "m2", AREA), "m2")


def _read_rmf(spectrum: FitsTable, path: Path, energy: Axis, true: Axis) -> np.ndarray:
    response = _linked(spectrum, path, "RESPFILE", is_needed=False)
    if response is None:
        return diagonal_edisp(energy, true)
    matrix = read_matrix(open_dataset_file(response))
    if matrix.shape != (true.nbin, energy.nbin):
        raise InputError(
            f"{response}: the matrix has {matrix.shape[0]} true energies and {matrix.shape[1]} channels; expected "
            f"{true.nbin} (effective area) and {energy.nbin} (EBOUNDS of the spectrum)"
        )
    return matrix


def _linked(table: FitsTable, path: Path, keyword: str, is_needed: bool = True) -> Path | None:
    filename = str(table.header.get(keyword) or "none").strip()
    if filename.lower() in ("none", ""):
        if is_needed:
            raise InputError(f"{table.where}: no {keyword}; a flux needs the file that it names. Add the keyword.")
        return None
    found = path.parent / filename
    if not found.is_file():
        raise InputError(f"{table.where}: {keyword} names {filename}, which is not in {path.parent}; put it there")
    return found
