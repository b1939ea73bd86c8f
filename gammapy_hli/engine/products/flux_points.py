"""Flux points of one source, frozen, their files (GADF, FITS and ECSV) and all the ways to express them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.products.reference_flux import (
    ENERGY_COLUMNS,
    HDU_NAME,
    REFERENCE_UNITS,
    SUFFIXES,
    ReferenceFlux,
    confidence_of,
    expressed,
    write_flux_file,
)

Array = NDArray[np.float64]

NORM_COLUMNS = ("norm", "norm_err", "norm_errp", "norm_errn", "norm_ul", "norm_sensitivity")
PLAIN_COLUMNS = ("ts", "sqrt_ts", "npred", "npred_excess", "stat", "stat_null", "stat_scan", "is_ul", "counts",
                 "success", "norm_scan")  # fmt: skip
COLUMNS = (*ENERGY_COLUMNS, *REFERENCE_UNITS, *NORM_COLUMNS, *PLAIN_COLUMNS)
NORM_SUFFIXES = {**SUFFIXES, "norm_sensitivity": "_sensitivity"}
SQRT_TS_THRESHOLD = 2.0
"""A point below this significance is shown as an upper limit."""


@dataclass(frozen=True, eq=False, repr=False)
class FluxPoints(ReferenceFlux):
    """Flux of a source in bins of energy, as factors on a reference spectrum.

    Everything in the unit of a norm: multiply with ``ref_dnde`` (or use `dnde` and its siblings, `to_table`).

    Attributes
    ----------
    source : str
    datasets : tuple of str
        Names of the datasets, the order of the second axis of npred, npred_excess and counts.
    n_sigma, n_sigma_ul : float
        Confidence of the errors and of the upper limits.
    e_ref, e_min, e_max : arrays (n,) [TeV]
        Reference energy (geometric mean of the edges) and edges.
    ref_dnde, ref_flux, ref_eflux : arrays (n,) [cm-2 s-1 TeV-1, cm-2 s-1, TeV cm-2 s-1]
        The reference spectrum at e_ref, and integrated over the bin.
    norm, norm_err, norm_errp, norm_errn, norm_ul : arrays (n,)
        Best factor, its error from the curvature, distances up and down to where the statistic has grown by n_sigma^2,
        and the factor above the best one where it has grown by n_sigma_ul^2.
    norm_sensitivity : array (n,)
        Factor that would just be detected; nan where it was not asked for.
    ts, sqrt_ts, stat, stat_null : arrays (n,)
        Statistic at norm 0 minus that at the best norm; its root with the sign of the norm; the two statistics.
    npred, npred_excess : arrays (n, n_datasets)
        Predicted counts in the used bins at the best norm: with background, and of the source alone.
    counts : array (n, n_datasets) of int
        Counts in the used bins.
    norm_scan, stat_scan : arrays (n, n_scan)
        Statistic at given norms.
    is_ul, success : bool arrays (n,)
        Whether sqrt_ts is below 2; whether the bin could be fitted at all.
    is_intrinsic : bool
        Whether the reference spectrum is that of the source, without the absorption on the way.
    intrinsic : FluxPoints, optional
        Beside observed points those of the intrinsic spectrum; a file of its own.
    """

    source: str
    datasets: tuple[str, ...]
    n_sigma: float
    n_sigma_ul: float
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
    norm_sensitivity: Array
    ts: Array
    sqrt_ts: Array
    npred: Array
    npred_excess: Array
    stat: Array
    stat_null: Array
    stat_scan: Array
    is_ul: NDArray[np.bool_]
    counts: NDArray[np.int64]
    success: NDArray[np.bool_]
    norm_scan: Array
    is_intrinsic: bool = False
    intrinsic: "FluxPoints | None" = None

    def __post_init__(self) -> None:
        for name in COLUMNS:
            kind: Any = {"is_ul": bool, "success": bool, "counts": np.int64}.get(name, np.float64)
            values = np.array(getattr(self, name), dtype=kind)
            if len(values) != len(self.e_ref):
                raise ValueError(
                    f"flux points of {self.source}: {name} has {len(values)} rows; expected {len(self.e_ref)}"
                )
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.e_ref)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FluxPoints):
            return NotImplemented
        plain = ("source", "datasets", "n_sigma", "n_sigma_ul", "is_intrinsic", "intrinsic")
        return all(getattr(self, name) == getattr(other, name) for name in plain) and all(
            np.array_equal(
                getattr(self, name), getattr(other, name), equal_nan=name not in ("is_ul", "success", "counts")
            )
            for name in COLUMNS
        )

    __hash__ = None  # type: ignore[assignment]

    # --- with units
    dnde = expressed("dnde", "", "Differential flux at e_ref, (n,).")
    dnde_err = expressed("dnde", "_err", "Symmetric error of `dnde`.")
    dnde_errp = expressed("dnde", "_errp", "Upward error of `dnde`.")
    dnde_errn = expressed("dnde", "_errn", "Downward error of `dnde`.")
    dnde_ul = expressed("dnde", "_ul", "Upper limit of `dnde`.")
    e2dnde = expressed("e2dnde", "", "Squared reference energy times `dnde`.")
    eflux = expressed("eflux", "", "Energy flux of the bin.")

    # --- tables and files
    def to_table(self, sed_type: str = "dnde") -> Table:
        """All columns, the flux expressed as "likelihood" (norms), "dnde", "e2dnde", "flux" or "eflux"."""
        table = Table()
        for name, values in self.reference_columns(sed_type).items():
            table[name] = values
        has_sensitivity = np.isfinite(self.norm_sensitivity).any()
        wanted = {name: end for name, end in NORM_SUFFIXES.items() if has_sensitivity or name != "norm_sensitivity"}
        for name, values in self.flux_columns(sed_type, wanted).items():
            table[name] = values
        for name in PLAIN_COLUMNS:
            table[name] = getattr(self, name)
        table.meta.update(self._keywords(sed_type))
        return table

    def write(self, path: str | Path) -> Path:
        """Write the norms with their reference spectrum; ``.fits`` or ``.ecsv``, chosen by the name.

        Raises
        ------
        InputError
            The name has another ending.
        """
        table = self.to_table("likelihood")
        return write_flux_file(path, "flux points", lambda: [fits.BinTableHDU(table, name=HDU_NAME)], lambda: table)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote, bit by bit the same.

        Raises
        ------
        InputError
            The file is missing, or is not one that `write` made.
        """
        path = Path(path)
        try:
            table = _read_table(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read as flux points ({error})") from error
        missing = [name for name in COLUMNS if name not in table.colnames and name != "norm_sensitivity"]
        if missing:
            raise InputError(
                f"{path}: columns {', '.join(missing)} are missing; expected flux points of SED type 'likelihood' as "
                "FluxPoints.write makes them"
            )
        columns: dict[str, Any] = {name: np.asarray(table[name]) for name in COLUMNS if name in table.colnames}
        columns.setdefault("norm_sensitivity", np.full(len(table), np.nan))
        meta = {str(key).upper(): value for key, value in table.meta.items()}
        return cls(**_attributes(meta), **columns)

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        good = self.success
        return {
            "source": self.source,
            "points": f"{int(good.sum())} of {len(self)}, {int((good & self.is_ul).sum())} of them limits",
            "energies": f"{self.e_min.min():.4g} to {self.e_max.max():.4g} TeV" if len(self) else "none",
            "datasets": ", ".join(self.datasets),
            "errors": f"{self.n_sigma:g} sigma, limits {self.n_sigma_ul:g} sigma",
        }

    def _keywords(self, sed_type: str) -> dict[str, Any]:
        """Header of both file formats; values are of types that FITS knows."""
        names = {f"DSET{number}": name for number, name in enumerate(self.datasets)}
        return {
            **self.confidence_keywords(sed_type),
            "NDSET": len(self.datasets),
            **({"INTRINS": True} if self.is_intrinsic else {}),
            **names,
        }


def _read_table(path: Path) -> Table:
    if path.suffix == ".ecsv":
        return Table.read(path, format="ascii.ecsv")
    with fits.open(path, memmap=False) as hdus:
        if HDU_NAME not in hdus:
            raise OSError(f"no HDU {HDU_NAME}; it has {[hdu.name for hdu in hdus]}")
        return Table(hdus[HDU_NAME].data, meta=dict(hdus[HDU_NAME].header))


def _attributes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What is not a column, from the keywords."""
    return {
        **confidence_of(meta),
        "datasets": tuple(str(meta[f"DSET{number}"]) for number in range(int(meta.get("NDSET", 0)))),
        "is_intrinsic": bool(meta.get("INTRINS", False)),
    }


assert set(COLUMNS) < {field.name for field in fields(FluxPoints)}
