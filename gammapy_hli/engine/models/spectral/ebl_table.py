"""Tables of the opacity of the extragalactic background light: XSPEC table models in FITS files.

Three HDUs: PARAMETERS (one parameter, the redshift), ENERGIES (ENERG_LO, ENERG_HI; keV where no unit is stated) and
SPECTRA (PARAMVAL, INTPSPEC: the fraction of photons that arrives, one row a redshift). See OGIP memo 92-009.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.spectral_table import EBL_REFERENCES

__all__ = ["EblTable", "builtin_file"]

FOLDER = "$GAMMAPY_DATA/ebl"
TINY = np.finfo(np.float32).tiny
"""What the logarithm of a fraction of 0 is taken of, as in gammapy."""
ROUNDING = 1e-6
"""Ends of the redshifts are single precision in the files."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EblTable:
    """Fraction of photons that arrives, by redshift of the source and energy.

    Parameters
    ----------
    redshift : array (n_z,)
        Rising.
    energy : Quantity (n_e,)
        Rising, positive.
    survival : array (n_z, n_e)
        From 0 to 1; zeros count as 1e-38.
    filename : str
        File that it comes from, as a models file names it; '' for a table that was made in code.

    Notes
    -----
    Interpolated linearly in redshift, log energy and log fraction, as in gammapy, whose nodes are in the precision of
    the file; so are they here, since the rounding of log(E) moves a steep fall by up to 1e-5.
    """

    redshift: FloatArray
    energy: u.Quantity
    survival: NDArray[Any]
    filename: str = ""
    log_energy: FloatArray = field(init=False, repr=False)
    log_survival: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        redshift, survival = np.asarray(self.redshift, dtype=float), np.asarray(self.survival)
        nodes = np.atleast_1d(self.energy.value)
        where = self.filename or "EBL table"
        if survival.shape != (len(redshift), len(nodes)):
            raise InputError(
                f"{where}: fractions have shape {survival.shape}; expected {(len(redshift), len(nodes))} for "
                f"{len(redshift)} redshifts and {len(nodes)} energies"
            )
        for name, values in (("redshifts", redshift), ("energies", nodes)):
            if len(values) < 2 or not (np.diff(values) > 0).all() or not values[0] > 0:
                raise InputError(f"{where}: {name} are not two or more positive, rising numbers")
        if not ((survival >= 0) & (survival <= 1 + ROUNDING)).all():
            low, high = np.nanmin(survival), np.nanmax(survival)
            raise InputError(
                f"{where}: values from {low:.3g} to {high:.3g}, {int(np.isnan(survival).sum())} of them nan; "
                "expected the fraction of photons that arrives, from 0 to 1"
            )
        kind = survival.dtype if survival.dtype.kind == "f" else np.dtype(float)
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(survival, kind.type(TINY)).astype(kind.newbyteorder("=")))
        shift = float(np.log(self.energy.unit.to(u.TeV)))
        object.__setattr__(self, "redshift", redshift)
        object.__setattr__(self, "log_energy", np.log(nodes).astype(float) + shift)
        object.__setattr__(self, "log_survival", logs.astype(float))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def name(self) -> str:
        """For messages: the reference, or the file."""
        known = {builtin_file(reference): reference for reference in EBL_REFERENCES}
        return known.get(self.filename, self.filename) or "made in code"

    def check_redshift(self, redshift: float) -> None:
        """Raise InputError for a redshift that the table does not hold."""
        low, high = self.redshift[[0, -1]]
        if not low - ROUNDING <= redshift <= high + ROUNDING:
            others = ", ".join(f"{name}" for name in EBL_REFERENCES if name != self.name)
            raise InputError(
                f"redshift {redshift:g} is outside of the table {self.name}, which holds {low:.4g} to {high:.4g}; "
                f"correct it, or take another table ({others}, or a file)"
            )

    def place_energies(self, energy: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Number of the node below each energy [TeV] and the fraction of the way to the next; any shape."""
        at = np.log(energy)
        place = np.clip(np.searchsorted(self.log_energy, at, side="right") - 1, 0, len(self.log_energy) - 2)
        return place, (at - self.log_energy[place]) / np.diff(self.log_energy)[place]

    def log_fraction(self, place: NDArray[np.intp], part: FloatArray, redshift: float) -> tuple[FloatArray, FloatArray]:
        """ln of the fraction at a redshift, at most 0, and its derivative to the redshift, at `place_energies`."""
        row = int(np.clip(np.searchsorted(self.redshift, redshift, side="right") - 1, 0, len(self.redshift) - 2))
        step = self.redshift[row + 1] - self.redshift[row]
        below, above = (
            self.log_survival[k][place] * (1 - part) + self.log_survival[k][place + 1] * part for k in (row, row + 1)
        )
        slope = (above - below) / step
        log_fraction = below + slope * (redshift - self.redshift[row])
        is_clear = log_fraction > 0
        return np.where(is_clear, 0.0, log_fraction), np.where(is_clear, 0.0, slope)

    @classmethod
    def builtin(cls, reference: str) -> "EblTable":
        """The table of a reference in the data folder of gammapy.

        Raises
        ------
        InputError
            No such reference, or its file is not there.
        """
        if reference not in EBL_REFERENCES:
            hint = did_you_mean(reference, EBL_REFERENCES)
            raise InputError(f"{reference!r} is no EBL reference.{hint} Allowed: {', '.join(EBL_REFERENCES)}")
        return cls.read(os.path.expandvars(builtin_file(reference)))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "EblTable":
        """The table of an XSPEC table model; files are read once. A reference is found in any data folder.

        Raises
        ------
        InputError
            The file is missing or no such table.
        """
        path = Path(os.path.expandvars(os.path.expanduser(os.fspath(path))))
        if not path.is_file():
            reference = next((name for name, file in EBL_REFERENCES.items() if file == path.name), None)
            if reference is None:
                raise InputError(
                    f"{path}: no such file; expected an EBL table (XSPEC table model), or take a reference"
                )
            path = Path(os.path.expandvars(builtin_file(reference)))
            if not path.is_file():
                raise InputError(_missing(reference))
        return _read(path, path.stat().st_mtime_ns)


def builtin_file(reference: str) -> str:
    """File of a reference, as a models file names it."""
    return f"{FOLDER}/{EBL_REFERENCES[reference]}"


def _is_builtin(path: Path, reference: str) -> bool:
    return path == Path(os.path.expandvars(builtin_file(reference)))


def _missing(reference: str) -> str:
    """What to do where the table of a reference is not there; names the file and what else could be taken."""
    wanted = builtin_file(reference)
    folder = Path(os.path.expandvars(FOLDER))
    if "GAMMAPY_DATA" not in os.environ:
        return (
            f"EBL reference {reference} is the file {wanted}, and the variable GAMMAPY_DATA is not defined; "
            "set it to the folder of gammapy's data, or give the table as filename"
        )
    there = [name for name, file in EBL_REFERENCES.items() if (folder / file).is_file()]
    return (
        f"EBL reference {reference} is the file {wanted}, which is not there "
        f"(no {folder / EBL_REFERENCES[reference]}); fetch it, take a reference that is there "
        f"({', '.join(there) or 'none'}), or give another table as filename"
    )


@lru_cache(maxsize=8)
def _read(path: Path, stamp: int) -> EblTable:
    from astropy.io import fits  # late: only wanted for absorbed sources

    try:
        with fits.open(path, memmap=False) as hdus:
            energies = _columns(hdus, path, "ENERGIES", ("ENERG_LO", "ENERG_HI"))
            spectra = _columns(hdus, path, "SPECTRA", ("PARAMVAL", "INTPSPEC"))
            unit = u.Unit(hdus["ENERGIES"].columns["ENERG_LO"].unit or "keV")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an EBL table ({error})") from None
    redshift = np.ravel(spectra[0])
    if redshift.size != len(spectra[1]):
        raise InputError(
            f"{path}: HDU SPECTRA has {redshift.size // len(spectra[1])} parameters; expected the redshift"
        )
    redshift, rows = np.unique(redshift, return_index=True)
    low, high = energies
    return EblTable(redshift, np.sqrt(low * high) * unit, spectra[1][rows], _written(path))


def _columns(hdus: Any, path: Path, name: str, columns: Sequence[str]) -> list[NDArray[Any]]:
    """Columns of an HDU in native byte order."""
    if name not in hdus:
        raise InputError(
            f"{path}: no HDU {name}; it has {', '.join(hdu.name for hdu in hdus)}. An EBL table is an XSPEC table "
            "model with HDUs PARAMETERS, ENERGIES and SPECTRA"
        )
    data = hdus[name].data
    for column in columns:
        if column not in data.names:
            hint = did_you_mean(column, data.names)
            raise InputError(f"{path}, HDU {name}: no column {column}.{hint} Columns: {', '.join(data.names)}")
    arrays = [np.asarray(data[column]) for column in columns]
    return [array.astype(array.dtype.newbyteorder("=")) for array in arrays]


def _written(path: Path) -> str:
    """The name of a file in models files: with the variable, where it is one of the references."""
    for reference in EBL_REFERENCES:
        if "GAMMAPY_DATA" in os.environ and _is_builtin(path, reference):
            return builtin_file(reference)
    return os.fspath(path.absolute())
