"""Bins of spectra and of maps with the norm of one source; norm_bins.py puts them together.

Bins without counts enter a Poisson likelihood by the sum of their predictions, so that all of a point and dataset are
one bin: a map of a million bins is solved as quickly as a spectrum.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.likelihood import GroupTerm
from gammapy_hli.engine.fit.map_problem import map_rows
from gammapy_hli.engine.fit.map_term import MapTerm
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class BinRows:
    """Bins of one dataset or group, flat arrays (n_bins,).

    Attributes
    ----------
    is_on_off : bool
        Whether the statistic is W.
    point : int array
        Number of the flux point, -1 for none.
    dataset : int array
    counts, off, alpha : arrays
        ``off`` and ``alpha`` are zero for bins with known background.
    background : array
        Zero for on-off bins.
    own, other : arrays
        Predicted counts of the source at norm 1, and of the other sources.
    """

    is_on_off: bool
    point: Index
    dataset: Index
    counts: Array
    off: Array
    alpha: Array
    background: Array
    own: Array
    other: Array

    def inside(self) -> "BinRows":
        """Only the bins that belong to a point."""
        chosen = self.point >= 0
        names = ("point", "dataset", "counts", "off", "alpha", "background", "own", "other")
        parts: dict[str, Any] = {name: np.asarray(getattr(self, name))[chosen] for name in names}
        return replace(self, **parts)


def spectrum_bin_rows(group: GroupTerm, source: str, number: Index, values: Array) -> BinRows:
    """The used bins of a group of spectra.

    Parameters
    ----------
    group : GroupTerm
    source : str
        Whose norm is wanted.
    number : int array (n_datasets, ne)
        For each bin of each dataset the point it belongs to, -1 for none.
    values : array (n_all,)
        Of all parameters.
    """
    fold = group.fold
    zero = np.zeros(len(fold.bin))
    counted = [(t.name, t.spectrum.flux(values[t.places]) @ t.matrix) for t in group.sources]
    return BinRows(
        **_observed(group.wstat, group.counts, zero),
        point=number[fold.member, fold.bin],
        dataset=fold.member,
        background=group.background if group.wstat is None else zero,
        own=sum((npred for name, npred in counted if name == source), zero),
        other=sum((npred for name, npred in counted if name != source), zero),
    )


def map_bin_rows(term: MapTerm, source: str, number: Index, values: Array) -> BinRows:
    """The used bins of a map dataset.

    Parameters
    ----------
    term : MapTerm
    source : str
        Whose norm is wanted.
    number : int array (ne,)
        For each energy the point it belongs to, -1 for none.
    values : array (n_all,)
        Of all parameters.
    """
    rows = map_rows(term, values, (source,))
    return BinRows(
        **_observed(rows.wstat, rows.counts, np.zeros(len(rows.row))),
        point=number[rows.row],
        dataset=np.full(len(rows.row), term.number, dtype=np.intp),
        background=rows.background,
        own=rows.signal,
        other=rows.other,
    )


def _observed(on_off: WstatBins | None, counts: Array | None, zero: Array) -> dict[str, Any]:
    """What was counted, as `BinRows` has it."""
    if on_off is None:
        return {"is_on_off": False, "counts": counts, "off": zero, "alpha": zero}
    return {"is_on_off": True, "counts": on_off.n_on, "off": on_off.n_off, "alpha": on_off.alpha}
