"""Fluxes as factors on a reference spectrum: what flux points and light curves have in common."""

import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gammapy_hli.base.atomic_write import write_bytes
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary

Array = NDArray[np.float64]

ENERGY_COLUMNS = ("e_ref", "e_min", "e_max")
REFERENCE_UNITS = {"ref_dnde": "cm-2 s-1 TeV-1", "ref_flux": "cm-2 s-1", "ref_eflux": "TeV cm-2 s-1"}
SED_UNITS = {
    "dnde": "cm-2 s-1 TeV-1",
    "e2dnde": "TeV cm-2 s-1",
    "flux": "cm-2 s-1",
    "eflux": "TeV cm-2 s-1",
}
SED_TYPES = ("likelihood", *SED_UNITS)
SUFFIXES = {"norm": "", "norm_err": "_err", "norm_errp": "_errp", "norm_errn": "_errn", "norm_ul": "_ul"}
HDU_NAME = "FLUXPOINTS"


def expressed(sed_type: str, what: str, doc: str) -> Any:
    """A property of a `ReferenceFlux`: one of the ways to express it, with its unit."""
    return property(lambda fluxes: fluxes.quantity(sed_type, what), doc=doc)


class ReferenceFlux(Summary):
    """Factors on a reference spectrum; subclasses are frozen dataclasses with these fields.

    Attributes
    ----------
    source : str
    n_sigma, n_sigma_ul : float
        Confidence of the errors and of the upper limits.
    e_ref, e_min, e_max : arrays (n,) [TeV]
        Reference energy (geometric mean of the edges) and edges.
    ref_dnde, ref_flux, ref_eflux : arrays (n,) [cm-2 s-1 TeV-1, cm-2 s-1, TeV cm-2 s-1]
        The reference spectrum at e_ref, and integrated over the bin.
    norm, norm_err, norm_errp, norm_errn, norm_ul : arrays (..., n)
    """

    source: str
    n_sigma: float
    n_sigma_ul: float
    e_ref: Array
    ref_dnde: Array

    def quantity(self, sed_type: str, what: str = "") -> u.Quantity:
        """One way to express the flux, (..., n): ``quantity("e2dnde")``, ``quantity("flux", "_ul")``.

        Parameters
        ----------
        sed_type : str
            "dnde", "e2dnde", "flux" or "eflux".
        what : str
            "", "_err", "_errp", "_errn" or "_ul"; of flux points "_sensitivity" too.

        Raises
        ------
        InputError
            There is no such type.
        """
        if sed_type not in SED_UNITS:
            raise InputError(
                f"there is no SED type {sed_type!r}.{did_you_mean(sed_type, SED_TYPES)} Types: {', '.join(SED_TYPES)}."
            )
        reference = self.ref_dnde * self.e_ref**2 if sed_type == "e2dnde" else getattr(self, f"ref_{sed_type}")
        return u.Quantity(getattr(self, f"norm{what}") * reference, SED_UNITS[sed_type])

    flux = expressed("flux", "", "Flux of the bins.")
    flux_err = expressed("flux", "_err", "Symmetric error of `flux`.")
    flux_errp = expressed("flux", "_errp", "Upward error of `flux`.")
    flux_errn = expressed("flux", "_errn", "Downward error of `flux`.")
    flux_ul = expressed("flux", "_ul", "Upper limit of `flux`.")

    def reference_columns(self, sed_type: str) -> dict[str, u.Quantity]:
        """Energies, and for "likelihood" the reference spectrum, (n,)."""
        units = dict.fromkeys(ENERGY_COLUMNS, "TeV") | (REFERENCE_UNITS if sed_type == "likelihood" else {})
        return {name: u.Quantity(getattr(self, name), unit) for name, unit in units.items()}

    def flux_columns(self, sed_type: str, suffixes: Mapping[str, str]) -> dict[str, Any]:
        """The norms for "likelihood", else the fluxes; `suffixes` maps names of norms to ends of names of fluxes."""
        if sed_type == "likelihood":
            return {name: getattr(self, name) for name in suffixes}
        return {f"{sed_type}{suffix}": self.quantity(sed_type, suffix) for suffix in suffixes.values()}

    def confidence_keywords(self, sed_type: str) -> dict[str, Any]:
        """Type, source and confidences for the header."""
        return {
            "SED_TYPE": sed_type,
            "UL_CONF": math.erf(self.n_sigma_ul / math.sqrt(2.0)),
            **_source_keywords(self.source),
            "N_SIGMA": float(self.n_sigma),
            "N_SIG_UL": float(self.n_sigma_ul),
        }


def _source_keywords(name: str) -> dict[str, str]:
    """Name of the source; FITS headers hold ASCII only, so that other characters stand as escapes, and once as JSON."""
    if name.isascii():
        return {"SOURCE": name}
    return {"SOURCE": name.encode("ascii", "backslashreplace").decode("ascii"), "SRC_JSON": json.dumps(name)}


def confidence_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Source and confidences from the header."""
    return {
        "source": str(json.loads(meta["SRC_JSON"]) if "SRC_JSON" in meta else meta.get("SOURCE", "")),
        "n_sigma": float(meta.get("N_SIGMA", 1.0)),
        "n_sigma_ul": float(meta.get("N_SIG_UL", 2.0)),
    }


def write_flux_file(
    path: str | Path, what: str, to_hdus: Callable[[], list[Any]], to_table: Callable[[], Table]
) -> Path:
    """Write ``.fits`` from HDUs behind an empty primary one, or ``.ecsv`` from a table, chosen by the name.

    Raises
    ------
    InputError
        The name has another ending.
    """
    path = Path(path)
    if path.suffix == ".fits":
        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), *to_hdus()]).writeto(stream)
        write_bytes(path, stream.getvalue())
    elif path.suffix == ".ecsv":
        text = io.StringIO()
        to_table().write(text, format="ascii.ecsv")
        write_bytes(path, text.getvalue().encode())
    else:
        raise InputError(f"{path}: {what} are written to .fits or .ecsv, not to {path.suffix or 'no ending'!r}")
    return path
