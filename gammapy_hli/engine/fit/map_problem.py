"""A map dataset as a likelihood of one norm for each group of energies: what starts of fits and flux points solve.

Bins without counts enter a Poisson likelihood by their sum alone, so that all of an energy become one bin. One of them,
that with the least background for its signal, stays on its own: it says how far a negative norm can go.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.map_term import MapTerm
from gammapy_hli.engine.stats.norm_solver import NormProblems
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MapRows:
    """Bins of a map, flat, with what scales and what does not.

    Attributes
    ----------
    row : int array (n,)
        Number of the energy among those of the dataset.
    counts, signal, other, background : arrays (n,)
        Counts, predicted counts of the sources that scale and of the other sources, background (zero for on-off data).
    wstat : WstatBins or None
        On and off counts of on-off data.
    """

    row: Index
    counts: Array
    signal: Array
    other: Array
    background: Array
    wstat: WstatBins | None = None


def map_rows(term: MapTerm, values: Array, names: tuple[str, ...]) -> MapRows:
    """The used bins of a map dataset, those without counts summed for each energy (cash) but for the tightest one."""
    view, split = term.split(values, names)
    row = term.energies[view.row]
    if not view.is_sparse:
        own, other, background = split.hit
        return MapRows(row, view.counts, own, other, background, view.wstat)
    in_hits = np.array([np.bincount(view.row, part, view.n_energies) for part in split.hit])
    tight = term.tightest(values, names)
    rest = np.maximum(split.total - in_hits - tight, 0.0)
    nothing = np.zeros(2 * view.n_energies)
    own, other, background = np.concatenate([split.hit, tight, rest], axis=1)
    row = np.concatenate([row, term.energies, term.energies])
    return MapRows(row, np.concatenate([view.counts, nothing]), own, other, background)


def map_problem(term: MapTerm, values: Array, names: tuple[str, ...]) -> NormProblems:
    """One norm on the counts of some sources in all bins of a map in which they predict any."""
    rows = map_rows(term, values, names)
    chosen = rows.signal > 0
    same = np.zeros(int(chosen.sum()), dtype=np.intp)
    signal, other = rows.signal[chosen], rows.other[chosen]
    if rows.wstat is not None:
        return NormProblems.from_wstat(1, same, signal, rows.wstat.take(chosen), other)
    return NormProblems.from_cash(1, same, signal, rows.counts[chosen], other + rows.background[chosen])
