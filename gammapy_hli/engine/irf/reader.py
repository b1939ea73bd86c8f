"""Which response an HDU holds, and reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.irf.aeff import read_aeff
from gammapy_hli.engine.irf.background import read_background
from gammapy_hli.engine.irf.edisp import read_edisp
from gammapy_hli.engine.irf.psf import read_psf
from gammapy_hli.engine.irf.rad_max import read_rad_max

READERS: dict[str, Callable[..., Any]] = {
    "aeff": read_aeff,
    "edisp": read_edisp,
    "psf": read_psf,
    "bkg": read_background,
    "rad_max": read_rad_max,
}
_CLASSES = {
    "EFF_AREA": "aeff",
    "EDISP": "edisp",
    "RPSF": "psf",
    "PSF": "psf",
    "BKG": "bkg",
    "BGD": "bkg",
    "RAD_MAX": "rad_max",
}
_COLUMNS = {
    "EFFAREA": "aeff",
    "MATRIX": "edisp",
    "RPSF": "psf",
    "SIGMA_1": "psf",
    "GAMMA": "psf",
    "BKG": "bkg",
    "BGD": "bkg",
    "RAD_MAX": "rad_max",
}


def read_irf(kind: str, hdu: Any, file: str | Path | None = None) -> Any:
    """Response of a kind from an astropy HDU.

    Parameters
    ----------
    kind : str
        aeff, edisp, psf, bkg or rad_max.
    hdu : astropy.io.fits.BinTableHDU
        The table, opened.
    file : path, optional
        Name of the file, for messages.

    Raises
    ------
    ValueError
        There is no such kind.
    InputError
        The HDU holds something else, or is damaged.
    """
    if kind not in READERS:
        raise ValueError(f"no response of kind '{kind}'.{did_you_mean(kind, READERS)} Known: {', '.join(READERS)}")
    try:
        return READERS[kind](hdu, file)
    except ValueError as error:
        name = getattr(hdu, "name", "?")
        raise InputError(f"{file or 'file'}: HDU '{name}': no valid '{kind}' response ({error})") from error


def irf_kind(hdu: Any) -> str | None:
    """Kind of response that an HDU holds, by HDUCLAS2 or else by its columns; None for anything else."""
    if not isinstance(hdu, fits.BinTableHDU):
        return None
    found = _CLASSES.get(str(hdu.header.get("HDUCLAS2", "")).strip().upper())
    if found:
        return found
    names = {name.upper() for name in hdu.columns.names}
    return next((kind for column, kind in _COLUMNS.items() if column in names), None)


def read_irfs(path: str | Path) -> dict[str, Any]:
    """All responses of a file by kind, the first one of each kind; for IRF files such as those of CTA.

    Raises
    ------
    InputError
        The file is missing, damaged, or holds no response.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a FITS file with responses")
    found: dict[str, Any] = {}
    try:
        with fits.open(path, memmap=False) as hdus:
            for hdu in hdus:
                kind = irf_kind(hdu)
                if kind and kind not in found:
                    found[kind] = read_irf(kind, hdu, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read as FITS ({error}). Is the file whole?") from error
    if not found:
        raise InputError(f"{path}: no response in it; expected tables of HDUCLAS1 = RESPONSE. Is the file whole?")
    return found
