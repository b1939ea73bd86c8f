"""Background events, drawn from the tabulated background rate of one run.

The table is interpolated linearly in log(rate) between bin centers (NUMERICS B.4). Such an interpolation is largest at
a corner of each cell of centers, so that drawing uniformly in a cell under that bound and keeping each event with
probability rate / bound gives *exactly* the interpolated rate, without any integral.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.simulate.response_tables import BackgroundTable

Array = NDArray[np.float64]

BOUND_MARGIN = 1.0 + 1e-6
"""Room for rounding between the bound at the corners and the interpolated rate."""


@dataclass(frozen=True, eq=False)
class BackgroundCells:
    """Cells between the nodes of a background table, with a bound of the rate in each.

    Attributes
    ----------
    table : BackgroundTable
    log_energy : array, shape (n,)
        Nodes: first edge, bin centers, last edge of the energy axis, ln(TeV).
    positions : tuple of arrays [deg]
        Nodes of each coordinate of the field of view in the same way: (fov_lon, fov_lat) or (offset,).
    bound : array, shape (n - 1, ...) [s-1 deg-1...]
        Bound of rate times energy times area element (d rate / d ln(energy) d position) in each cell.
    cumulative : array, shape (n_cells + 1,) [s-1]
        Sum of bound times cell volume.
    """

    table: BackgroundTable
    log_energy: Array
    positions: tuple[Array, ...]
    bound: Array
    cumulative: Array


@dataclass(frozen=True, eq=False)
class BackgroundDraw:
    """Drawn background events: energy [TeV] and field-of-view coordinates fov_lon, fov_lat [rad]."""

    energy: Array
    fov_lon: Array
    fov_lat: Array


def prepare_background(table: BackgroundTable) -> BackgroundCells:
    """Find the bound of the background rate in every cell."""
    energy, *positions = np.meshgrid(table.energy_nodes, *table.position_nodes, indexing="ij", sparse=True)
    height = table.rate(energy, *positions) * energy
    axes = (np.log(table.energy_nodes), *table.position_nodes)
    bound = _largest_corner(height) * _largest_area_element(table.position_nodes) * BOUND_MARGIN
    volume = np.ones(())
    for nodes in axes:
        volume = np.multiply.outer(volume, np.diff(nodes))
    cumulative = np.concatenate([[0.0], np.cumsum((bound * volume).ravel())])
    return BackgroundCells(table, axes[0], axes[1:], bound, cumulative)


def draw_background(rng: np.random.Generator, cells: BackgroundCells, ontime: float) -> BackgroundDraw:
    """Draw the background events of one run, a Poisson number of them.

    Parameters
    ----------
    rng : numpy.random.Generator
    cells : BackgroundCells
    ontime : float
        Time of observation [s]; dead time is part of the background rate by convention (NUMERICS B.5).

    Returns
    -------
    BackgroundDraw
    """
    axes = (cells.log_energy, *cells.positions)
    n = int(rng.poisson(cells.cumulative[-1] * ontime))
    flat = np.searchsorted(cells.cumulative, rng.random(n) * cells.cumulative[-1], side="right") - 1
    cell = np.unravel_index(np.clip(flat, 0, cells.bound.size - 1), cells.bound.shape)
    log_energy, *position = (
        nodes[i] + rng.random(n) * (nodes[i + 1] - nodes[i]) for nodes, i in zip(axes, cell, strict=True)
    )
    energy = np.exp(log_energy)
    height = cells.table.rate(energy, *position) * energy * _area_element(*position)
    kept = rng.random(n) * cells.bound[cell] < height
    angle = 2.0 * np.pi * rng.random(n)
    energy, position, angle = energy[kept], [p[kept] for p in position], angle[kept]
    if len(position) == 1:
        # a point at `offset` and `angle` in the frame of the field of view
        offset = np.radians(position[0])
        lat = np.arcsin(np.sin(offset) * np.cos(angle))
        return BackgroundDraw(energy, np.arctan2(np.sin(offset) * np.sin(angle), np.cos(offset)), lat)
    return BackgroundDraw(energy, np.radians(position[0]), np.radians(position[1]))


def _area_element(*position: Array) -> Array:
    """Solid angle per deg2 of (fov_lon, fov_lat), or per deg of offset [sr deg-1...]."""
    if len(position) == 1:
        return 2.0 * np.pi * np.sin(np.radians(position[0])) * np.pi / 180.0
    return np.cos(np.radians(position[1])) * (np.pi / 180.0) ** 2


def _largest_area_element(nodes: tuple[Array, ...]) -> Array:
    """Bound of the area element in each cell of positions."""
    if len(nodes) == 1:
        return _area_element(nodes[0][1:])
    low, high = nodes[1][:-1], nodes[1][1:]
    nearest = np.where((low < 0) & (high > 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    return _area_element(np.zeros_like(nearest), nearest)


def _largest_corner(values: Array) -> Array:
    """Largest of the corners of each cell, shape n - 1 along every axis."""
    for axis in range(values.ndim):
        low = np.take(values, np.arange(values.shape[axis] - 1), axis=axis)
        high = np.take(values, np.arange(1, values.shape[axis]), axis=axis)
        values = np.maximum(low, high)
    return values
