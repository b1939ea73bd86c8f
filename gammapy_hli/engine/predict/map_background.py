"""Backgrounds of map datasets: the factor of a background model on each energy bin, and templates of counts.

background × factor(E), the factor at the centers of the bins of reconstructed energy (NUMERICS B.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel

if TYPE_CHECKING:
    from gammapy_hli.engine.datasets.map import MapDataset

__all__ = ["BackgroundFactor", "template_counts"]

Array = NDArray[np.float64]


class BackgroundFactor:
    """Factor of a background model on each bin of reconstructed energy, ``norm (E/reference)^(-tilt)`` for most.

    Parameters
    ----------
    model : FoVBackgroundModel or TemplateNPredModel
    energy : Axis
        Of the dataset, ne bins.
    """

    def __init__(self, model: FoVBackgroundModel | TemplateNPredModel, energy: Axis):
        self._spectral = model.spectral
        self._nodes = model.spectral.prepare(energy.center_value("TeV"))

    def factor(self, values: Array | None = None) -> Array:
        """Factors (ne,) at the values of all parameters of the spectral model; default: as it is now."""
        return np.asarray(self._spectral.dnde(self._nodes, self._spectral.values if values is None else values))

    def factor_and_jacobian(self, values: Array) -> tuple[Array, Array]:
        """Factors (ne,) and their derivatives (n_parameter, ne)."""
        return self._spectral.dnde_gradient(self._nodes, values)


def template_counts(model: TemplateNPredModel, dataset: MapDataset) -> Array:
    """Counts of a template in the bins of a dataset, (ne, ny, nx), before its factor; 0 where the template has none.

    Raises
    ------
    InputError
        The energies differ, or the pixels are not those of the dataset or a part of them.
    """
    found = model.map
    energy = found.axis("energy")
    where = f"template background {model.name!r} in dataset {dataset.name!r}"
    if not energy.same_as(dataset.energy):
        raise InputError(
            f"{where}: energies are {_axis_text(energy)}; the dataset has {_axis_text(dataset.energy)}. "
            "Make the template on the axes of the dataset, or name another dataset in 'datasets_names'."
        )
    try:
        overlap = dataset.geometry.overlap(found.geometry)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    counts = np.zeros(dataset.shape)
    if overlap is not None:
        here, there = overlap
        counts[:, here[0], here[1]] = np.nan_to_num(found.data[:, there[0], there[1]])
    return counts


def _axis_text(axis: Axis) -> str:
    edges = axis.edges_value("TeV")
    return f"{axis.nbin} bins from {edges[0]:.6g} to {edges[-1]:.6g} TeV"
