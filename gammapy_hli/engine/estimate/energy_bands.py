"""Wanted edges of energy, moved to edges of the data, or why nothing is left of them; which bins lie between them."""

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis


def rounded_edges(axis: Axis, wanted: u.Quantity, what: str) -> u.Quantity:
    """Edges of the bins of an axis that are nearest to the wanted ones, (k + 1,); groups that collapse are dropped.

    Parameters
    ----------
    axis : Axis
        Reconstructed energies of the datasets.
    wanted : Quantity, shape (m + 1,)
    what : str
        What is made in the groups, for the message: ``flux point``.

    Raises
    ------
    InputError
        No bin is left.
    """
    try:
        return axis.group(wanted)[0]
    except ValueError:
        low, high = (f"{edge.to_value('TeV'):.4g} TeV" for edge in (min(wanted), max(wanted)))
        first, last = (f"{edge.to_value('TeV'):.4g} TeV" for edge in axis.edges[[0, -1]])
        raise InputError(
            f"no {what}: rounded to the {axis.nbin} bins of the datasets, from {first} to {last}, nothing is left "
            f"between {low} and {high}; give energies that hold at least one bin"
        ) from None


def words_of_dropped(axis: Axis, wanted: u.Quantity | None, what: str) -> str | None:
    """What to tell of wanted groups inside of the axis whose edges round to one, so that they are dropped; or None."""
    if wanted is None:
        return None
    index, inside = axis.nearest_edge(wanted), (wanted >= axis.edges[0]) & (wanted <= axis.edges[-1])
    dropped = np.flatnonzero((np.diff(index) == 0) & inside[1:] & inside[:-1])
    if not len(dropped):
        return None
    values = wanted.to_value("TeV")
    ranges = ", ".join(f"{values[k]:.4g} to {values[k + 1]:.4g} TeV" for k in dropped)
    return (
        f"{len(dropped)} of {len(wanted) - 1} {what}s dropped, since both edges round to one edge of the datasets: "
        f"{ranges}; ask for wider ones, or reduce with narrower bins"
    )


def map_bands(axis: Axis, wanted: u.Quantity | None) -> u.Quantity:
    """Edges of the bands of maps, moved to those of the axis; one band over all energies by default.

    Raises
    ------
    InputError
        No bin is left.
    """
    return axis.edges[[0, -1]] if wanted is None else rounded_edges(axis, wanted, "band of the maps")


def band_of_bin(axis: Axis, edges: u.Quantity) -> NDArray[np.intp]:
    """For each bin of an axis the band that its center belongs to, -1 for none; `edges` are those of the bands."""
    place = np.searchsorted(edges.to_value("TeV"), axis.center_value("TeV"), side="right") - 1
    return np.where((place >= 0) & (place < len(edges) - 1), place, -1)
