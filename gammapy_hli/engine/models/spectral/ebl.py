"""Absorption of gamma rays by the extragalactic background light, a factor on the spectrum of a source."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, SpectralModel
from gammapy_hli.engine.models.spectral.compound import CompoundSpectralModel
from gammapy_hli.engine.models.spectral.ebl_table import EblTable
from gammapy_hli.engine.models.spectral_table import EBL_REFERENCES

__all__ = ["EBLAbsorptionNormSpectralModel", "without_absorption"]


class EBLAbsorptionNormSpectralModel(SpectralModel):
    """Fraction of the photons that arrives, exp(-alpha_norm τ(E, redshift)); τ from a table.

    Parameters
    ----------
    table : EblTable
        ``EblTable.builtin("dominguez")`` or ``EblTable.read(file)``.
    **values
        redshift, alpha_norm.
    """

    entry = SPECTRAL["EBLAbsorptionNormSpectralModel"]
    table: EblTable

    def __init__(self, table: EblTable, **values: Any):
        self.__dict__["table"] = table
        super().__init__(**values)
        redshift = self.parameters["redshift"]
        redshift.min, redshift.max = (float(f"{table.redshift[end]:.6g}") for end in (0, -1))
        if "redshift" in values:
            self.check_values()

    @classmethod
    def build(cls, options: dict[str, Any]) -> Self:
        """The model from the options of a file."""
        given = [name for name in ("reference", "filename", "values") if options.get(name) is not None]
        if len(given) != 1:
            what = f"both {' and '.join(given)}; expected one" if given else "no table; give reference or filename"
            raise InputError(f"{cls.entry.tag}: {what}. References: {', '.join(EBL_REFERENCES)}")
        if given == ["reference"]:
            return cls(EblTable.builtin(options["reference"]))
        if given == ["filename"]:
            return cls(EblTable.read(options["filename"]))
        missing = [name for name in ("energy", "param") if options.get(name) is None]
        if missing:
            raise InputError(f"{cls.entry.tag}: values without {' and '.join(missing)}")
        return cls(EblTable(options["param"].to_value(""), options["energy"], options["values"].to_value("")))

    @property
    def options(self) -> dict[str, Any]:
        """The file; of a table that was made in code the table itself."""
        table = self.table
        if table.filename:
            return {"filename": table.filename}
        return {
            "energy": {"data": table.energy.value.tolist(), "unit": str(table.energy.unit)},
            "param": {"data": table.redshift.tolist(), "unit": ""},
            "values": {"data": np.asarray(table.survival).tolist(), "unit": ""},
        }

    @property
    def files(self) -> tuple[Path, ...]:
        """The table, where it is a file."""
        name = self.table.filename
        return (Path(os.path.expandvars(name)),) if name else ()

    def check_values(self) -> None:
        """Raise InputError where the redshift lies outside of the table."""
        self.table.check_redshift(self.parameters["redshift"].value)

    def prepare(self, energy: FloatArray) -> "EblNodes":
        """Places of the energies in the table."""
        return EblNodes(self.table, *self.table.place_energies(energy))

    def dnde(self, nodes: "EblNodes", values: FloatArray) -> FloatArray:
        """Fraction at the energies."""
        log_fraction, _ = nodes.at(values[0])
        return np.asarray(np.exp(values[1] * log_fraction))

    def dnde_gradient(self, nodes: "EblNodes", values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fraction and its derivatives to redshift and alpha_norm."""
        log_fraction, slope = nodes.at(values[0])
        fraction = np.exp(values[1] * log_fraction)
        return fraction, np.stack([values[1] * slope * fraction, log_fraction * fraction])


class EblNodes:
    """Energies placed in a table; the row of the last redshift is kept, since fits seldom move it."""

    __slots__ = ("_found", "_part", "_place", "_redshift", "_table")

    def __init__(self, table: EblTable, place: NDArray[np.intp], part: FloatArray):
        self._table, self._place, self._part = table, place, part
        self._redshift = np.nan
        self._found: tuple[FloatArray, FloatArray] = (part, part)

    def at(self, redshift: float) -> tuple[FloatArray, FloatArray]:
        """ln of the fraction and its derivative to the redshift."""
        if redshift != self._redshift:
            self._found = self._table.log_fraction(self._place, self._part, float(redshift))
            self._redshift = redshift
        return self._found


def without_absorption(spectral: SpectralModel) -> SpectralModel | None:
    """The intrinsic spectrum: that of which an EBL factor is taken out; None where there is none.

    Factors are found through products. A divisor and the parts of a sum are not looked into.
    """
    if not isinstance(spectral, CompoundSpectralModel) or spectral.operator != "mul":
        return None
    one, two = spectral.model1, spectral.model2
    if isinstance(one, EBLAbsorptionNormSpectralModel) or isinstance(two, EBLAbsorptionNormSpectralModel):
        rest = two if isinstance(one, EBLAbsorptionNormSpectralModel) else one
        return without_absorption(rest) or rest
    found = without_absorption(one), without_absorption(two)
    if found == (None, None):
        return None
    return (found[0] or one) * (found[1] or two)
