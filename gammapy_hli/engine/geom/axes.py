"""Binned axes: energy, offset, migra, rad, field-of-view coordinates.

One class for all of them. Positions inside an axis are counted in *pixels of its scale* (logarithmic for energies):
bin i reaches from i - 0.5 to i + 0.5, as in FITS images and in gammapy's maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike, NDArray

from gammapy_hli.base.summary import Summary

Interp = Literal["log", "lin"]

_TINY = np.finfo(np.float32).tiny
ROUNDING = 1e-9
"""Relative difference of an edge and a limit that were meant to be the same."""


def scale(values: ArrayLike, interp: Interp) -> NDArray[np.float64]:
    """Coordinates in which an axis is linear: the logarithm (of values clipped to tiny) or the values themselves."""
    values = np.asarray(values, dtype=np.float64)
    return np.log(np.clip(values, _TINY, None)) if interp == "log" else values


def unscale(values: ArrayLike, interp: Interp) -> NDArray[np.float64]:
    """Inverse of `scale`."""
    values = np.asarray(values, dtype=np.float64)
    return np.exp(values) if interp == "log" else values


@dataclass(frozen=True, eq=False)
class Axis(Summary):
    """Axis of n bins, given by n + 1 increasing edges.

    Parameters
    ----------
    name : str
        ``energy`` (reconstructed), ``energy_true``, ``offset``, ``rad``, ``migra``, ``fov_lon``, ``fov_lat``.
    edges : Quantity, shape (n + 1,)
        Bin edges, strictly increasing.
    interp : "log" or "lin"
        Scale in which the axis is linear.
    nodes : Quantity, shape (n,), optional
        Points where values are known, where they are not the centers of the bins. `from_nodes` sets them.

    Raises
    ------
    ValueError
        Edges that do not increase, or edges <= 0 on a logarithmic axis.

    Examples
    --------
    >>> from astropy import units as u
    >>> axis = Axis.from_energy_bounds(0.1 * u.TeV, 10 * u.TeV, nbin=2)
    >>> axis.center.round(6)
    <Quantity [0.316228, 3.162278] TeV>
    """

    name: str
    edges: u.Quantity
    interp: Interp = "log"
    nodes: u.Quantity | None = None

    def __post_init__(self) -> None:
        edges = u.Quantity(self.edges, dtype=np.float64, copy=True)
        if edges.ndim != 1 or len(edges) < 2:
            raise ValueError(f"axis '{self.name}': got edges of shape {edges.shape}; expected one dimension, 2 or more")
        if self.interp not in ("log", "lin"):
            raise ValueError(f"axis '{self.name}': interp is {self.interp!r}; expected 'log' or 'lin'")
        if not (np.diff(edges.value) > 0).all():
            raise ValueError(f"axis '{self.name}': edges must increase strictly, got {edges}")
        edges.flags.writeable = False
        object.__setattr__(self, "edges", edges)

    # -- makers ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_edges(cls, edges: Any, name: str = "energy", interp: Interp = "log") -> Axis:
        """Axis from bin edges: a Quantity, or a sequence of Quantities or texts such as ``["0.1 TeV", "1 TeV"]``."""
        if not isinstance(edges, u.Quantity):
            parsed = [u.Quantity(edge) for edge in edges]
            edges = [edge.to_value(parsed[0].unit) for edge in parsed] * parsed[0].unit if parsed else u.Quantity([])
        axis = cls(name=name, edges=edges, interp=interp)
        if interp == "log" and axis.edges.value[0] < 0:
            raise ValueError(f"axis '{name}': a logarithmic axis needs positive edges, got {axis.edges[0]}")
        return axis

    @classmethod
    def from_nodes(cls, nodes: u.Quantity, name: str, interp: Interp = "log") -> Axis:
        """Axis from the points where values are known; edges half way between them in the scale of the axis.

        The outer edges are half a step outside of the outer nodes. A single node gets edges that hold it tightly: an
        axis of one node carries no dependence.
        """
        nodes = u.Quantity(nodes, dtype=np.float64)
        x = scale(nodes.value, interp)
        if len(x) == 1:
            half = 0.5 * max(abs(x[0]), 1.0)
            edges = np.array([x[0] - half, x[0] + half])
        else:
            middle = 0.5 * (x[1:] + x[:-1])
            edges = np.concatenate([[1.5 * x[0] - 0.5 * x[1]], middle, [1.5 * x[-1] - 0.5 * x[-2]]])
        return cls(name=name, edges=unscale(edges, interp) * nodes.unit, interp=interp, nodes=nodes)

    @classmethod
    def from_energy_bounds(
        cls, min: Any, max: Any, *, nbin: int | None = None, per_decade: int | None = None, name: str = "energy"
    ) -> Axis:
        """Logarithmic energy axis that starts and ends exactly at the bounds, in the unit of `max`.

        Exactly one of `nbin` and `per_decade` is given; with `per_decade` the number of bins is
        ceil(per_decade * log10(max / min)).
        """
        high = u.Quantity(max)
        if not high.unit.is_equivalent(u.TeV):
            raise ValueError(f"axis '{name}': max has unit '{high.unit}'; expected an energy, e.g. '10 TeV'")
        low = u.Quantity(min).to(high.unit)
        if not 0 < low.value < high.value:
            raise ValueError(f"axis '{name}': got min {low}, max {high}; expected 0 < min < max")
        if (nbin is None) == (per_decade is None):
            raise ValueError(f"axis '{name}': got nbin {nbin} and per_decade {per_decade}; give exactly one of them")
        if nbin is None:
            assert per_decade is not None
            nbin = int(np.ceil(np.log10(high.value / low.value) * per_decade))
        if nbin < 1:
            raise ValueError(f"axis '{name}': got {nbin} bins; expected 1 or more")
        return cls(name=name, edges=np.geomspace(low.value, high.value, nbin + 1) * high.unit, interp="log")

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def nbin(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    @property
    def unit(self) -> u.UnitBase:
        """Unit of the edges."""
        return self.edges.unit

    @cached_property
    def center(self) -> u.Quantity:
        """Nodes if there are any, else the middle of each bin in the scale of the axis (geometric mean for log)."""
        if self.nodes is not None:
            return self.nodes
        x = scale(self.edges.value, self.interp)
        return unscale(0.5 * (x[1:] + x[:-1]), self.interp) * self.unit

    @property
    def width(self) -> u.Quantity:
        """Width of each bin."""
        return np.diff(self.edges)

    def edges_value(self, unit: Any) -> NDArray[np.float64]:
        """Edges as plain numbers in a unit, shape (n + 1,)."""
        return self.edges.to_value(unit)

    def center_value(self, unit: Any) -> NDArray[np.float64]:
        """Centers as plain numbers in a unit, shape (n,)."""
        return self.center.to_value(unit)

    def summary(self) -> dict[str, Any]:
        """Name, number of bins, range and scale."""
        low, high = self.edges[0], self.edges[-1]
        return {"name": self.name, "nbin": self.nbin, "min": f"{low:.6g}", "max": f"{high:.6g}", "interp": self.interp}

    def same_as(self, other: Axis, rtol: float = 1e-6) -> bool:
        """Whether the other axis has the same name, scale and edges, to a relative `rtol` that suits float32 files."""
        if (self.name, self.nbin, self.interp) != (other.name, other.nbin, other.interp):
            return False
        if not other.unit.is_equivalent(self.unit):
            return False
        edges = self.edges.value
        return bool(np.allclose(edges, other.edges_value(self.unit), rtol=rtol, atol=rtol * np.diff(edges).min()))

    # -- from coordinates to bins ------------------------------------------------------------------------------------

    def pixel(self, values: Any) -> NDArray[np.float64]:
        """Position in pixels of the scaled axis: linear between edges and beyond them; -0.5 at the first edge."""
        x = scale(self._numbers(values), self.interp)
        knots = self._scaled_edges
        low = np.clip(np.searchsorted(knots, x), 1, len(knots) - 1) - 1
        slope = 1.0 / (knots[low + 1] - knots[low])
        return slope * (x - knots[low]) + low - 0.5

    def index(self, values: Any) -> NDArray[np.intp]:
        """Bin of each value, on an edge the upper one; -1 outside of the axis, on its last edge and for nan.

        A bare array is taken in the unit of the axis.
        """
        position = np.floor(self.pixel(values) + 0.5)
        inside = (position >= 0) & (position < self.nbin)
        return np.where(inside, np.where(inside, position, 0), -1).astype(np.intp)

    def energy_mask(self, min: Any = None, max: Any = None, round_to_edge: bool = False) -> NDArray[np.bool_]:
        """Bins whose lower edge is >= min and whose upper edge is <= max, compared as they stand, shape (n,).

        `round_to_edge` first moves the limits to the nearest edge. A limit of None or nan is no limit.
        """
        edges = self.edges.value
        low, high = self._limit(min, round_to_edge), self._limit(max, round_to_edge)
        mask = np.ones(self.nbin, dtype=bool)
        if low is not None:
            mask &= edges[:-1] >= low
        if high is not None:
            mask &= edges[1:] <= high
        return mask

    def bins_inside(self, limits: tuple[Any, Any]) -> NDArray[np.bool_]:
        """Bins inside of a range that was asked for, shape (n,): as `energy_mask`, but rounding takes no bin away.

        0.5 TeV is the edge 0.49999999999999994 TeV that a logarithmic axis has there, 700 GeV is 0.7 TeV.
        """
        low, high = (self._unrounded(self._limit(limit, round_to_edge=False)) for limit in limits)
        return self.energy_mask(low, high)

    def _unrounded(self, limit: float | None) -> u.Quantity | None:
        """The nearest edge where it differs by rounding only, else the limit."""
        if limit is None:
            return None
        edge = float(self.edges.value[self.nearest_edge(limit)])
        return u.Quantity(edge if abs(edge - limit) <= ROUNDING * abs(edge) else limit, self.unit)

    def nearest_edge(self, values: Any) -> NDArray[np.intp]:
        """Index of the edge nearest to each value in the scale of the axis, clipped to the axis."""
        position = np.clip(self.pixel(values), -0.5, self.nbin - 0.5)
        return np.rint(position + 0.5).astype(np.intp)

    def group(self, edges: Any) -> tuple[u.Quantity, NDArray[np.intp]]:
        """Move requested edges to the nearest edges of this axis.

        Parameters
        ----------
        edges : Quantity, shape (m + 1,)
            Edges of the wanted groups.

        Returns
        -------
        edges : Quantity, shape (k + 1,)
            Edges of the groups, k <= m: groups that collapse are dropped.
        index : int array, shape (k + 1,)
            Index of these edges; group i holds the bins ``index[i]:index[i + 1]``.

        Raises
        ------
        ValueError
            No group is left: the edges do not overlap with the axis, or all lie next to one and the same edge of it.
        """
        index = np.unique(self.nearest_edge(edges))
        if len(index) < 2:
            raise ValueError(
                f"axis '{self.name}' from {self.edges[0]} to {self.edges[-1]}: rounded to its {self.nbin} bins nothing "
                f"is left between the edges {edges}"
            )
        return self.edges[index], index

    def slice(self, start: int, stop: int) -> Axis:
        """Axis of the bins start..stop - 1, with bitwise the same edges."""
        nodes = None if self.nodes is None else self.nodes[start:stop]
        return Axis(name=self.name, edges=self.edges[start : stop + 1], interp=self.interp, nodes=nodes)

    def squash(self) -> Axis:
        """Axis of one bin that covers the whole range."""
        return Axis(name=self.name, edges=self.edges[[0, -1]], interp=self.interp)

    def renamed(self, name: str) -> Axis:
        """Axis with another name."""
        return Axis(name=name, edges=self.edges, interp=self.interp, nodes=self.nodes)

    @cached_property
    def _scaled_edges(self) -> NDArray[np.float64]:
        return scale(self.edges.value, self.interp)

    def _numbers(self, values: Any) -> NDArray[np.float64]:
        if isinstance(values, u.Quantity):
            return values.to_value(self.unit)
        if isinstance(values, Sequence) and len(values) and isinstance(values[0], u.Quantity):
            return u.Quantity(values).to_value(self.unit)
        return np.asarray(values, dtype=np.float64)

    def _limit(self, value: Any, round_to_edge: bool) -> float | None:
        if value is None:
            return None
        limit = float(u.Quantity(value).to_value(self.unit))
        if np.isnan(limit):
            return None
        return float(self.edges.value[self.nearest_edge(limit)]) if round_to_edge else limit
