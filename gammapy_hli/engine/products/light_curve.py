"""The light curve of one source in bands of energy, frozen, with its variability and its files (GADF, FITS and ECSV).

The tables have the layout that gammapy 2.1 reads with ``FluxPoints.read(path, format="lightcurve")`` (NUMERICS C.6).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.products.column_table import ColumnTable
from gammapy_hli.engine.products.folded_curve import FoldedCurve
from gammapy_hli.engine.products.frozen_arrays import frozen, same
from gammapy_hli.engine.products.interval_spectra import IntervalSpectra
from gammapy_hli.engine.products.periodogram import Periodogram
from gammapy_hli.engine.products.reference_flux import (
    ENERGY_COLUMNS,
    HDU_NAME,
    REFERENCE_UNITS,
    SUFFIXES,
    ReferenceFlux,
    confidence_of,
    write_flux_file,
)
from gammapy_hli.engine.products.variability import NUMBERS, VARIABILITY_HDU, Variability

Array = NDArray[np.float64]

PLAIN_COLUMNS = ("ts", "sqrt_ts", "stat", "stat_null", "is_ul", "success", "exposure")
SUMMED_COLUMNS = ("counts", "npred", "npred_excess")
"""Summed over datasets; gammapy wants an axis of datasets, which has one entry here."""
GRID_COLUMNS = (*SUFFIXES, *PLAIN_COLUMNS, *SUMMED_COLUMNS)
TIME_COLUMNS = ("time_min", "time_max", "livetime")
TEXT_COLUMNS = ("interval", "members", "reason")
UNITS = {"exposure": "m2 s", "livetime": "s"}
VARIABILITY_META = "variability"
PARTS: dict[str, type[ColumnTable]] = {"periodogram": Periodogram, "folded": FoldedCurve, "spectra": IntervalSpectra}
DAY = 86400.0
MJD_OF_CLOCK = 51544.0
"""Zero of the clock of the engine, 2000-01-01 TT."""


@dataclass(frozen=True, eq=False, repr=False)
class LightCurve(ReferenceFlux):
    """Flux of a source in intervals of time and bands of energy, as factors on a reference spectrum.

    Attributes
    ----------
    source : str
    n_sigma, n_sigma_ul : float
        Confidence of the errors and of the upper limits.
    interval : tuple of str (n_time,)
        Names of the intervals: their number, the run, the night.
    members : tuple of str (n_time,)
        Names of the datasets in each interval, with blanks between them.
    reason : tuple of str (n_time,)
        Why an interval, or some of its bands, has no flux; blank where all have one.
    time_min, time_max : arrays (n_time,) [MJD, TT]
    livetime : array (n_time,) [s]
    e_ref, e_min, e_max : arrays (n_energy,) [TeV]
        Reference energy (geometric mean of the edges) and edges of the bands.
    ref_dnde, ref_flux, ref_eflux : arrays (n_energy,) [cm-2 s-1 TeV-1, cm-2 s-1, TeV cm-2 s-1]
        The reference spectrum at e_ref, and integrated over the band.
    norm, norm_err, norm_errp, norm_errn, norm_ul : arrays (n_time, n_energy)
        Best factor, its error from the curvature, distances up and down to where the statistic has grown by n_sigma^2,
        and the factor above the best one where it has grown by n_sigma_ul^2.
    ts, sqrt_ts, stat, stat_null : arrays (n_time, n_energy)
        Statistic at norm 0 minus that at the best norm; its root with the sign of the norm; the two statistics.
    is_ul, success : bool arrays (n_time, n_energy)
        Whether sqrt_ts is below 2; whether the flux could be estimated at all.
    exposure : array (n_time, n_energy) [m2 s]
        Predicted counts at norm 1 over ``ref_flux``: what is left of the exposure after dispersion and safe range.
    counts : int array (n_time, n_energy)
        Counts in the used bins.
    npred, npred_excess : arrays (n_time, n_energy)
        Predicted counts there at the best norm: with background, and of the source alone.
    variability : Variability
    periodogram : Periodogram, optional
    folded : FoldedCurve, optional
    spectra : IntervalSpectra, optional
        Spectral parameters of each interval; then the fluxes are those of the spectrum of the interval.
    """

    source: str
    n_sigma: float
    n_sigma_ul: float
    interval: tuple[str, ...]
    members: tuple[str, ...]
    reason: tuple[str, ...]
    time_min: Array
    time_max: Array
    livetime: Array
    e_ref: Array
    e_min: Array
    e_max: Array
    ref_dnde: Array
    ref_flux: Array
    ref_eflux: Array
    norm: Array
    norm_err: Array
    norm_errp: Array
    norm_errn: Array
    norm_ul: Array
    ts: Array
    sqrt_ts: Array
    stat: Array
    stat_null: Array
    is_ul: NDArray[np.bool_]
    success: NDArray[np.bool_]
    exposure: Array
    counts: NDArray[np.int64]
    npred: Array
    npred_excess: Array
    variability: Variability
    periodogram: Periodogram | None = None
    folded: FoldedCurve | None = None
    spectra: IntervalSpectra | None = None

    def __post_init__(self) -> None:
        n_time, n_energy = len(self.time_min), len(self.e_ref)
        shapes = dict.fromkeys(TIME_COLUMNS, (n_time,)) | dict.fromkeys(GRID_COLUMNS, (n_time, n_energy))
        shapes |= dict.fromkeys((*ENERGY_COLUMNS, *REFERENCE_UNITS), (n_energy,))
        for name, shape in shapes.items():
            kind: Any = {"is_ul": bool, "success": bool, "counts": np.int64}.get(name, np.float64)
            values = frozen(getattr(self, name), kind)
            if values.shape != shape:
                raise ValueError(f"light curve of {self.source}: {name} has shape {values.shape}; expected {shape}")
            object.__setattr__(self, name, values)
        for name in TEXT_COLUMNS:
            texts = tuple(" ".join(str(text).split()) for text in getattr(self, name))
            if len(texts) != n_time:
                raise ValueError(f"light curve of {self.source}: {name} has {len(texts)} rows; expected {n_time}")
            object.__setattr__(self, name, texts)

    def __len__(self) -> int:
        return len(self.time_min)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LightCurve):
            return NotImplemented
        return all(same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    __hash__ = None  # type: ignore[assignment]

    # --- with units
    @property
    def tstart(self) -> Time:
        """Starts of the intervals."""
        return Time(self.time_min, format="mjd", scale="tt")

    @property
    def tstop(self) -> Time:
        """Stops of the intervals."""
        return Time(self.time_max, format="mjd", scale="tt")

    @property
    def tmid(self) -> Time:
        """Middles of the intervals."""
        return Time(0.5 * (self.time_min + self.time_max), format="mjd", scale="tt")

    @property
    def parts(self) -> dict[str, ColumnTable]:
        """Periodogram, folded curve and spectra, those that are there."""
        found = {name: getattr(self, name) for name in PARTS}
        return {name: part for name, part in found.items() if part is not None}

    # --- tables and files
    def to_table(self, sed_type: str = "flux") -> Table:
        """One row an interval, vector columns for bands; the flux as "likelihood" (norms) or a type of `quantity`."""
        table = Table()
        table["time_min"], table["time_max"] = self.time_min, self.time_max
        n_time = len(self)
        for name, values in self.reference_columns(sed_type).items():
            table[name] = np.tile(values, (n_time, 1))
        for name, values in self.flux_columns(sed_type, SUFFIXES).items():
            table[name] = values
        for name in PLAIN_COLUMNS:
            table[name] = u.Quantity(getattr(self, name), UNITS[name]) if name in UNITS else getattr(self, name)
        for name in SUMMED_COLUMNS:
            table[name] = getattr(self, name)[..., np.newaxis]
        table["livetime"] = u.Quantity(self.livetime, "s")
        for name in TEXT_COLUMNS:
            table[name] = np.array(getattr(self, name), dtype=str)
        table.meta.update(self._keywords(sed_type))
        return table

    def write(self, path: str | Path) -> Path:
        """Write the norms with their reference spectrum; ``.fits`` or ``.ecsv``, chosen by the name.

        FITS holds everything, each part in an HDU of its own; ECSV is one table, the curve with its variability.

        Raises
        ------
        InputError
            The name has another ending.
        """
        return write_flux_file(path, "light curves", self._hdus, self._whole_table)

    def _hdus(self) -> list[Any]:
        """The curve, its variability, intervals and parts."""
        table = self.to_table("likelihood")
        table.meta.update(self.variability.cards())
        own = [self.variability.to_hdu(self.e_min, self.e_max), self._gti_hdu()]
        return [fits.BinTableHDU(table, name=HDU_NAME), *own, *(part.to_hdu() for part in self.parts.values())]

    def _whole_table(self) -> Table:
        """The curve with its variability in the meta."""
        table = self.to_table("likelihood")
        table.meta[VARIABILITY_META] = self.variability.to_dict()
        return table

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote, bit by bit the same (from ECSV without the `parts`).

        Raises
        ------
        InputError
            The file is missing, or is not one that `write` made.
        """
        path = Path(path)
        try:
            table, numbers, parts = _read_ecsv(path) if path.suffix == ".ecsv" else _read_fits(path)
        except (OSError, KeyError) as error:
            raise InputError(f"{path}: cannot be read as a light curve ({error})") from error
        expected = (*TIME_COLUMNS, *ENERGY_COLUMNS, *REFERENCE_UNITS, *GRID_COLUMNS, *TEXT_COLUMNS)
        missing = [name for name in expected if name not in table.colnames]
        if missing:
            raise InputError(
                f"{path}: columns {', '.join(missing)} are missing; expected a light curve of norms as "
                "LightCurve.write makes it"
            )
        columns: dict[str, Any] = {name: np.asarray(table[name]) for name in (*TIME_COLUMNS, *GRID_COLUMNS)}
        columns |= {name: columns[name][..., 0] for name in SUMMED_COLUMNS}
        columns |= {name: np.asarray(table[name])[0] for name in (*ENERGY_COLUMNS, *REFERENCE_UNITS)}
        columns |= {name: tuple(str(text) for text in table[name]) for name in TEXT_COLUMNS}
        meta = {str(key).upper(): value for key, value in table.meta.items()}
        return cls(
            **confidence_of(meta),
            variability=Variability(**{name: np.asarray(numbers[name]) for name in NUMBERS}),
            **columns,
            **parts,
        )

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        good = self.success.any(axis=1)
        numbers = self.variability
        bands = {
            f"{low:.3g} to {high:.3g} TeV": f"mean {mean:.3g} cm-2 s-1, Fvar {fvar:.3f} ± {error:.3f}, p {p:.2g}"
            for low, high, mean, fvar, error, p in zip(
                self.e_min, self.e_max, numbers.mean_flux, numbers.fvar, numbers.fvar_err, numbers.p_value, strict=True
            )
        }
        return {
            "source": self.source,
            "intervals": f"{len(self)}, {int(good.sum())} of them with a flux",
            "time": f"{self.tstart[0].utc.isot} to {self.tstop[-1].utc.isot} (UTC)" if len(self) else "none",
            "livetime": f"{self.livetime.sum() / 3600:.2f} h",
            **bands,
            "errors": f"{self.n_sigma:g} sigma, limits {self.n_sigma_ul:g} sigma",
        }

    def _keywords(self, sed_type: str) -> dict[str, Any]:
        """Header of both file formats; values are of types that FITS knows."""
        return {
            "MJDREFI": 0,
            "MJDREFF": 0.0,
            "TIMESYS": "tt",
            "TIMEUNIT": "d",
            **self.confidence_keywords(sed_type),
        }

    def _gti_hdu(self) -> fits.BinTableHDU:
        """The intervals as GTI, seconds since 2000."""
        columns = [
            fits.Column(name, "D", unit="s", array=(days - MJD_OF_CLOCK) * DAY)
            for name, days in (("START", self.time_min), ("STOP", self.time_max))
        ]
        hdu = fits.BinTableHDU.from_columns(columns, name="GTI")
        hdu.header.update(MJDREFI=int(MJD_OF_CLOCK), MJDREFF=0.0, TIMESYS="tt", TIMEUNIT="s")
        return hdu


def _read_ecsv(path: Path) -> tuple[Table, Mapping[str, Any], dict[str, Any]]:
    table = Table.read(path, format="ascii.ecsv", fill_values=None)
    return table, table.meta[VARIABILITY_META], {}


def _read_fits(path: Path) -> tuple[Table, Mapping[str, Any], dict[str, Any]]:
    with fits.open(path, memmap=False) as hdus:
        for name in (HDU_NAME, VARIABILITY_HDU):
            if name not in hdus:
                raise OSError(f"no HDU {name}; it has {[hdu.name for hdu in hdus]}")
        data = hdus[VARIABILITY_HDU].data
        numbers = {name: np.array(data[name]) for name in NUMBERS if name in data.names}
        parts = {name: kind.from_hdu(hdus[kind.hdu_name]) for name, kind in PARTS.items() if kind.hdu_name in hdus}
        return Table(hdus[HDU_NAME].data, meta=dict(hdus[HDU_NAME].header)), numbers, parts
