"""Folds a light curve with an ephemeris: one norm for all intervals of a bin of phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE
from gammapy_hli.engine.estimate.curve_norms import constant_statistic, solve_curve
from gammapy_hli.engine.estimate.norm_bins import NormBins
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.estimate.variability import chance_of_more
from gammapy_hli.engine.products.folded_curve import FoldedCurve

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Folding:
    """An ephemeris with bins of phase.

    Parameters
    ----------
    ephemeris : Ephemeris
    edges : array (n + 1,)
        Increasing, at most one turn from the first to the last: ``[0, 0.5, 1]``, ``[-0.1, 0.1]``.
    """

    ephemeris: Ephemeris
    edges: Array

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, dtype=float)
        if len(edges) < 2 or not (np.diff(edges) > 0).all() or edges[-1] - edges[0] > 1 + 1e-12:
            raise ValueError(f"edges of phases are {edges.tolist()}; expected increasing ones, at most one turn")
        object.__setattr__(self, "edges", edges)

    def place(self, phase: Array) -> Index:
        """Number of the bin that each phase belongs to, -1 for none."""
        moved = (phase - self.edges[0]) % 1.0
        here = self.edges[0] + np.where(moved >= 1.0, 0.0, moved)
        found = np.searchsorted(self.edges, here, side="right") - 1
        return np.where(found < len(self.edges) - 1, found, -1)

    def interval_phases(self, bins: TimeBins) -> tuple[Array, Array]:
        """Phase in the middle of each interval, and its length in turns, (n_time,) each.

        Raises
        ------
        InputError
            Intervals are outside the ephemeris, or longer than a turn.
        """
        middle = DEFAULT_REFERENCE + 0.5 * (bins.start + bins.stop) * u.s
        phase = self.ephemeris.phase(middle)
        turns = (bins.stop - bins.start) * self.ephemeris.frequency_at(middle)
        if (turns > 1).any():
            k = int(np.argmax(turns))
            raise InputError(
                f"interval {bins.names[k]} is {bins.stop[k] - bins.start[k]:.4g} s long, {turns[k]:.3g} turns of the "
                f"ephemeris (period {1 / self.ephemeris.frequency:.4g} s): it has no phase. Take shorter intervals, or "
                "sort the events by phase: reduction.background.method: phase."
            )
        return phase, turns

    def smeared(self, bins: TimeBins) -> list[str]:
        """Names of the intervals that are longer than the bin of phase that they are in."""
        phase, turns = self.interval_phases(bins)
        place = self.place(phase)
        width = np.diff(self.edges)[np.maximum(place, 0)]
        return [bins.names[k] for k in np.flatnonzero((place >= 0) & (turns > width * (1 + 1e-9))).tolist()]


def fold_curve(
    flat: NormBins,
    used: NDArray[np.bool_],
    bins: TimeBins,
    folding: Folding,
    livetime: Array,
    reference: Mapping[str, Array],
    n_sigma: float,
    n_sigma_ul: float,
) -> FoldedCurve:
    """The folded curve; an interval counts for the bin that its middle is in.

    The norm of a bin is fitted to the counts of all its intervals at once, which weights them by exposure and
    background without the bias that weights from Poisson errors have.

    Parameters
    ----------
    flat : NormBins
    used : bool array (n_time, n_energy)
        Points of the light curve that have a flux.
    bins : TimeBins
    livetime : array (n_time,) [s]
    reference : mapping
        e_min, e_max [TeV] and ref_flux [cm-2 s-1] of the bands.
    """
    n_energy, n_phase = len(reference["ref_flux"]), len(folding.edges) - 1
    place = folding.place(folding.interval_phases(bins)[0])
    is_in = used & (place >= 0)[:, np.newaxis]
    interval, band = np.divmod(flat.point, n_energy)
    folded = flat.take(place[interval] * n_energy + band, is_in.ravel()[flat.point])
    best, columns = solve_curve(folded, n_phase * n_energy, n_sigma, n_sigma_ul)
    grid: dict[str, Any] = {name: values.reshape(n_phase, n_energy) for name, values in columns.items()}
    grid["exposure"] = grid["exposure"] / (reference["ref_flux"] * 1e4)
    chi2, dof, p_value = chance_of_more(constant_statistic(folded, best, n_energy), grid["success"].sum(axis=0))
    there = is_in.any(axis=1)
    return FoldedCurve(
        phase_min=folding.edges[:-1],
        phase_max=folding.edges[1:],
        n_intervals=np.bincount(place[there], minlength=n_phase),
        livetime=np.bincount(place[there], livetime[there], n_phase).astype(float),
        **grid,
        e_min=reference["e_min"],
        e_max=reference["e_max"],
        ref_flux=reference["ref_flux"],
        chi2=chi2,
        dof=dof,
        p_value=p_value,
        **_facts(folding.ephemeris),
    )


def _facts(ephemeris: Ephemeris) -> dict[str, Any]:
    return {
        "epoch_mjd": float(ephemeris.epoch.mjd),
        "epoch_scale": ephemeris.epoch.scale,
        "frequency": ephemeris.frequency,
        "f1": ephemeris.f1,
        "f2": ephemeris.f2,
        "phase0": ephemeris.phase0,
        "barycenter": ephemeris.position is not None,
    }
