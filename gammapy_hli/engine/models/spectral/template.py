"""A spectrum from a table."""

import os
from pathlib import Path
from typing import Any, Self

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.catalogue import DNDE, SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, SpectralModel

__all__ = ["TemplateSpectralModel", "read_template"]

_TINY = np.finfo(float).tiny
_VALUE_COLUMNS = ("dnde", "values", "value", "norm", "flux")


class TemplateSpectralModel(SpectralModel):
    """Differential flux (or factor) from a table, linear in log-log, continued beyond its ends with the last slope.

    It has no parameters; multiply it with a norm model to fit it.

    Parameters
    ----------
    energy : Quantity (n,)
        Positive and rising.
    values : Quantity (n,)
        Differential flux, or pure numbers for a factor. Zeros count as the smallest number.
    """

    entry = SPECTRAL["TemplateSpectralModel"]
    energy: Any  # Quantity, which has no types
    template_values: Any
    _unit: str
    _log_nodes: FloatArray
    _log_values: FloatArray
    _file: Path | None = None

    def __init__(self, energy: u.Quantity, values: u.Quantity):
        energy, values = u.Quantity(energy), u.Quantity(values)
        nodes = energy.to_value("TeV")
        if nodes.shape != values.shape or nodes.ndim != 1 or len(nodes) == 0:
            raise InputError(
                f"{self.tag}: energy has shape {nodes.shape} and values have shape {values.shape}; "
                "expected two lists of one length"
            )
        if not (np.diff(nodes) > 0).all() or nodes[0] <= 0:
            raise InputError(f"{self.tag}: the energies are not positive and rising")
        is_factor = values.unit.is_equivalent(u.one)
        if not is_factor and not values.unit.is_equivalent(DNDE):
            raise InputError(
                f"{self.tag}: values have unit {values.unit}; "
                f"expected a unit convertible to {DNDE}, or none for a factor"
            )
        self.__dict__["energy"] = energy
        self.__dict__["template_values"] = values
        self.__dict__["_unit"] = "" if is_factor else DNDE
        self.__dict__["_log_nodes"] = np.log(nodes)
        self.__dict__["_log_values"] = np.log(np.maximum(values.to_value(self._unit), _TINY))
        self._take([], {})

    @classmethod
    def build(cls, options: dict[str, Any]) -> Self:
        """The model from the options of a file."""
        if options.get("filename") is not None:
            model = cls(*read_template(options["filename"]))
            model.__dict__["_file"] = Path(os.path.expandvars(os.path.expanduser(os.fspath(options["filename"]))))
            return model
        missing = [name for name in ("energy", "values") if options.get(name) is None]
        if missing:
            raise InputError(f"{cls.__name__}: no {' and no '.join(missing)}; give filename, or energy and values")
        return cls(options["energy"], options["values"])

    @property
    def unit(self) -> str:
        """Unit of `dnde`: 'TeV-1 s-1 cm-2', or '' for a factor."""
        return self._unit

    @property
    def options(self) -> dict[str, Any]:
        """The table, as it stands in files: written out whole, so that the file needs no other."""
        pairs = (("energy", self.energy), ("values", self.template_values))
        return {name: {"data": value.value.tolist(), "unit": str(value.unit)} for name, value in pairs}

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that the table was read from."""
        return (self._file,) if self._file is not None else ()

    def prepare(self, energy: FloatArray) -> FloatArray:
        """The flux itself, as it depends on no parameter."""
        if len(self._log_nodes) == 1:
            return np.full(np.shape(energy), np.exp(self._log_values[0]))
        at = np.log(energy)
        place = np.clip(np.searchsorted(self._log_nodes, at, side="right") - 1, 0, len(self._log_nodes) - 2)
        x0, y0 = self._log_nodes[place], self._log_values[place]
        slope = (self._log_values[place + 1] - y0) / (self._log_nodes[place + 1] - x0)
        flux = np.exp(y0 + slope * (at - x0))
        return np.where(flux <= 2 * _TINY, 0.0, flux)

    def dnde(self, nodes: FloatArray, values: FloatArray) -> FloatArray:
        """Differential flux at the energies."""
        return nodes

    def dnde_gradient(self, nodes: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux, and no derivatives."""
        return nodes, np.empty((0, *nodes.shape))


def read_template(path: str | os.PathLike[str]) -> tuple[u.Quantity, u.Quantity]:
    """Energies and differential fluxes from the columns energy and dnde of a table (ECSV, FITS, or text with units).

    Raises
    ------
    InputError
        The file cannot be read, or a column or its unit is missing.
    """
    from astropy.table import Table  # late: only wanted for templates

    name = os.path.expandvars(os.path.expanduser(os.fspath(path)))
    try:
        table = Table.read(name)
    except Exception as error:  # astropy raises many kinds, all of which mean that the file is no table
        raise InputError(f"{path}: cannot be read as a table: {error}. Write an ECSV or FITS table.") from error
    columns = {column.lower(): column for column in table.colnames}
    value_column = next((columns[known] for known in _VALUE_COLUMNS if known in columns), None)
    if "energy" not in columns or value_column is None:
        wanted = "energy" if "energy" not in columns else "dnde"
        raise InputError(
            f"{path}: no column {wanted!r}.{did_you_mean(wanted, table.colnames)} Columns: {', '.join(table.colnames)}."
        )
    energy = table[columns["energy"]]
    if energy.unit is None:
        raise InputError(f"{path}: column {energy.name!r} has no unit; expected a unit convertible to TeV")
    return u.Quantity(energy, energy.unit), u.Quantity(table[value_column], table[value_column].unit)
