"""Looks for periods in a light curve: the generalized Lomb-Scargle periodogram (Zechmeister & Kuerster 2009)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.products.periodogram import Periodogram

Array = NDArray[np.float64]

LEAST_POINTS = 5
"""A constant with a sine has three free numbers, its frequency is a fourth."""
LEVELS = (0.1, 0.01, 0.001)
MOST_FREQUENCIES = 1_000_000
DEFAULT_FREQUENCIES = 100_000
"""Most frequencies where no largest one is given."""
EXACT_PRODUCT = 300_000_000
"""Points times frequencies up to which the power is summed without approximation."""


@dataclass(frozen=True)
class PeriodogramPlan:
    """Which frequencies are looked at.

    Parameters
    ----------
    min_frequency, max_frequency : float, optional [Hz]
        By default one turn in the whole light curve, and half of the inverse median distance of its points.
    samples_per_peak : int
        Frequencies in the width of a peak, the inverse length of the light curve.
    """

    min_frequency: float | None = None
    max_frequency: float | None = None
    samples_per_peak: int = 5

    def frequencies(self, time: Array) -> Array:
        """The grid for points at some times [s].

        Raises
        ------
        InputError
            The range is empty, or too wide for the length of the light curve.
        """
        span = float(np.ptp(time))
        step = 1.0 / (span * self.samples_per_peak)
        low = 1.0 / span if self.min_frequency is None else self.min_frequency
        high = self.max_frequency
        if high is None:
            high = min(0.5 / float(np.median(np.diff(np.sort(time)))), low + DEFAULT_FREQUENCIES * step)
        if not low < high:
            raise InputError(
                f"periodogram: frequencies from {low:.4g} to {high:.4g} Hz (periods from {1 / high:.4g} to "
                f"{1 / low:.4g} s) are no range; set min_frequency and max_frequency, or max_period and min_period"
            )
        number = int(np.ceil((high - low) / step)) + 1
        if number > MOST_FREQUENCIES:
            raise InputError(
                f"periodogram: {number} frequencies from {low:.4g} to {high:.4g} Hz in steps of {step:.3g} Hz are more "
                f"than {MOST_FREQUENCIES}; lower max_frequency (raise min_period) or samples_per_peak"
            )
        return low + step * np.arange(number, dtype=np.float64)


def make_periodogram(
    flux: Array, err: Array, time: Array, e_min: Array, e_max: Array, plan: PeriodogramPlan | None = None
) -> Periodogram:
    """Periodogram of each band.

    Parameters
    ----------
    flux, err : arrays (n_time, n_energy)
        nan where there is none.
    time : array (n_time,) [s]
    e_min, e_max : arrays (n_energy,) [TeV]

    Returns
    -------
    Periodogram
        Without frequencies where no band has `LEAST_POINTS` points.
    """
    plan = plan or PeriodogramPlan()
    good = np.isfinite(flux) & np.isfinite(err) & (err > 0)
    n_points = good.sum(axis=0)
    usable = n_points >= LEAST_POINTS
    n_energy = flux.shape[1]
    frequency = plan.frequencies(time[good[:, usable].any(axis=1)]) if usable.any() else np.zeros(0)
    power = np.full((len(frequency), n_energy), np.nan)
    numbers = np.full((3 + len(LEVELS), n_energy), np.nan)
    for band in np.flatnonzero(usable).tolist():
        rows = good[:, band]
        power[:, band], numbers[:, band] = _one_band(time[rows], flux[rows, band], err[rows, band], frequency, plan)
    return Periodogram(
        frequency=frequency,
        power=power,
        n_points=n_points,
        best_frequency=numbers[0],
        best_power=numbers[1],
        false_alarm=numbers[2],
        level_chance=np.array(LEVELS),
        level_power=numbers[3:],
        e_min=e_min,
        e_max=e_max,
    )


def _one_band(time: Array, flux: Array, err: Array, frequency: Array, plan: PeriodogramPlan) -> tuple[Array, Array]:
    """Power, and best frequency, its power, false alarm probability and the levels."""
    from astropy.timeseries import LombScargle  # late: needed for this option only

    scale = float(np.mean(err))  # the squares of fluxes in cm-2 s-1 would be tiny
    model = LombScargle(time - time.mean(), flux / scale, err / scale, fit_mean=True, center_data=True)
    method = "cython" if len(time) * len(frequency) <= EXACT_PRODUCT else "fast"
    power = np.asarray(model.power(frequency, method=method, assume_regular_frequency=True))
    best = _peak(model, float(frequency[np.argmax(power)]), frequency)
    options: dict[str, Any] = {
        "method": "baluev",
        "samples_per_peak": plan.samples_per_peak,
        "maximum_frequency": float(frequency[-1]),
    }
    highest = float(model.power(best, method="cython"))
    alarm = float(model.false_alarm_probability(highest, **options))
    levels = [float(model.false_alarm_level(chance, **options)) for chance in LEVELS]
    return power, np.array([best, highest, alarm, *levels])


def _peak(model: Any, frequency: float, grid: Array) -> float:
    """Frequency of the maximum next to a frequency of the grid, inside its range."""
    step = float(grid[1] - grid[0])
    for _ in range(3):
        finer = np.clip(frequency + step * np.linspace(-1, 1, 41), grid[0], grid[-1])
        frequency = float(finer[np.argmax(model.power(finer, method="cython"))])
        step /= 20.0
    return frequency
