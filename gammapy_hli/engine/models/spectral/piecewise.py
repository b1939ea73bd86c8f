"""A factor given at nodes in energy."""

from typing import Any, Self

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.spectral.base import FloatArray, SpectralModel

__all__ = ["PiecewiseNormSpectralModel"]

_TINY = np.finfo(float).tiny


class PiecewiseNormSpectralModel(SpectralModel):
    """Factor interpolated between nodes, constant beyond the first and the last one.

    Parameters
    ----------
    energy : Quantity (n,)
        Nodes, at least two, rising.
    norms : sequence of float or Parameter, optional
        Factor at each node; ones by default. The parameters are named norm_0, norm_1, ...
    interp : str
        'log' (ln norm over ln E) or 'lin' (norm over E).
    """

    entry = SPECTRAL["PiecewiseNormSpectralModel"]
    energy: Any  # Quantity, which has no types
    interp: str

    def __init__(self, energy: u.Quantity, norms: Any = None, interp: str = "log"):
        self.__dict__["energy"] = u.Quantity(energy)
        self.__dict__["interp"] = interp
        nodes = self.energy.to_value("TeV")
        if nodes.ndim != 1 or len(nodes) < 2 or not (np.diff(nodes) > 0).all() or nodes[0] <= 0:
            raise InputError(
                f"{self.tag}: energy is {self.energy}; expected at least two energies, positive and rising"
            )
        if interp not in ("log", "lin"):
            raise InputError(f"{self.tag}: interp is {interp!r}. Allowed: log, lin.")
        norms = [1.0] * len(nodes) if norms is None else list(norms)
        if len(norms) != len(nodes):
            raise InputError(f"{self.tag}: {len(norms)} norms for {len(nodes)} energies; expected one norm for each")
        items = [
            norm if isinstance(norm, Parameter) else Parameter(f"norm_{place}", norm, help="Factor at the node.")
            for place, norm in enumerate(norms)
        ]
        self._take(items, {})

    @classmethod
    def build(cls, options: dict[str, Any]) -> Self:
        """The model from the options of a file."""
        return cls(options["energy"], interp=options.get("interp", "log"))

    @property
    def options(self) -> dict[str, Any]:
        """Energies and interpolation, as they stand in files."""
        return {"energy": {"data": self.energy.value.tolist(), "unit": str(self.energy.unit)}, "interp": self.interp}

    def prepare(self, energy: FloatArray) -> FloatArray:
        """Weight of each norm at each energy, shape (n_norm, *shape of energy); every column sums to one."""
        nodes = self.energy.to_value("TeV")
        at, x = (np.log(energy), np.log(nodes)) if self.interp == "log" else (energy, nodes)
        return np.stack([np.interp(at, x, unit) for unit in np.eye(len(nodes))])

    def dnde(self, nodes: FloatArray, values: FloatArray) -> FloatArray:
        """Factor at the energies."""
        if self.interp == "lin":
            return np.tensordot(values, nodes, axes=1)
        return np.exp(np.tensordot(np.log(np.maximum(values, _TINY)), nodes, axes=1))

    def dnde_gradient(self, nodes: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Factor and its derivatives; 0 to a norm that is not positive, where the interpolation is in log."""
        factor = self.dnde(nodes, values)
        if self.interp == "lin":
            return factor, nodes
        inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > _TINY)
        return factor, nodes * factor * inverse.reshape(-1, *[1] * factor.ndim)
