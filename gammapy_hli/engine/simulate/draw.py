"""Draw from tabulated distributions by their inverse cumulative, all events at once.

Stands below `source_events.py` and `background_events.py`; knows arrays only.
"""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.irf.interpolate import integrate_power_law

Array = NDArray[np.float64]


def draw_power_law_pieces(rng: np.random.Generator, n: int, edges: Array, density: Array) -> Array:
    """Draw `n` values from a density known at edges and a power law between them.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
    edges, density : array, shape (n_edges,)
        Positive increasing edges, and the density at them, not negative. Nothing is drawn from a piece with a zero
        at one end (NUMERICS B.6).

    Returns
    -------
    values : array, shape (n,)
    """
    cumulative = np.concatenate([[0.0], np.cumsum(integrate_power_law(edges, density))])
    piece = _index_in(cumulative, rng.random(n) * cumulative[-1])
    exponent = _exponents(edges, density)
    a, log_ratio = exponent[piece], np.log(edges[piece + 1] / edges[piece])
    u = rng.random(n)
    flat = np.abs(a) < 1e-9
    safe = np.where(flat, 1.0, a)
    step = np.where(flat, u * log_ratio, np.log1p(u * np.expm1(safe * log_ratio)) / safe)
    return edges[piece] * np.exp(step)


def draw_from_rows(rng: np.random.Generator, row: NDArray[np.intp], cumulative: Array, nodes: Array) -> Array:
    """Draw one value per event from the cumulative distribution in the event's row.

    Parameters
    ----------
    rng : numpy.random.Generator
    row : array of int, shape (n,)
        Row of `cumulative` for each event.
    cumulative : array, shape (n_rows, n_nodes)
        Each row grows from 0 to a positive number; it is linear in the nodes between nodes.
    nodes : array, shape (n_nodes,)

    Returns
    -------
    values : array, shape (n,)
    """
    total = cumulative[:, -1:]
    normed = cumulative / np.where(total > 0, total, 1.0)
    # one sorted array for all rows: row r covers (2 r, 2 r + 1), so that one search serves every event
    flat = (normed + 2.0 * np.arange(len(normed))[:, None]).ravel()
    target = rng.random(len(row)) + 2.0 * row
    n_nodes = len(nodes)
    left = np.clip(np.searchsorted(flat, target, side="right") - 1, row * n_nodes, (row + 1) * n_nodes - 2)
    column = left - row * n_nodes
    height = flat[left + 1] - flat[left]
    fraction = np.where(height > 0, (target - flat[left]) / np.where(height > 0, height, 1.0), 0.5)
    return nodes[column] + np.clip(fraction, 0.0, 1.0) * (nodes[column + 1] - nodes[column])


def _index_in(cumulative: Array, target: Array) -> NDArray[np.intp]:
    """Piece of a cumulative sum that holds each target; a piece of no height is never taken."""
    return np.clip(np.searchsorted(cumulative, target, side="right") - 1, 0, len(cumulative) - 2)


def _exponents(edges: Array, density: Array) -> Array:
    """Exponent + 1 of the power law in each piece; 1 where an end is zero, for nothing is drawn there."""
    positive = (density[:-1] > 0) & (density[1:] > 0)
    y0, y1 = np.where(positive, density[:-1], 1.0), np.where(positive, density[1:], 1.0)
    return np.log(y1 / y0) / np.log(edges[1:] / edges[:-1]) + 1.0
