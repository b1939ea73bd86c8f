"""The Lomb-Scargle periodogram of a light curve, frozen."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.products.column_table import ColumnTable

Array = NDArray[np.float64]

EDGE = 0.01
"""Steps of the grid within which a frequency is an end of the range."""


@dataclass(frozen=True, eq=False, repr=False)
class Periodogram(ColumnTable):
    """How well a sine of each frequency explains a light curve, band by band.

    Attributes
    ----------
    frequency : array (n_frequency,) [Hz]
    power : array (n_frequency, n_energy)
        1 minus chi2 of a constant with a sine over chi2 of a constant: 0 to 1.
    n_points : array (n_energy,)
        Intervals that enter.
    best_frequency, best_power : arrays (n_energy,) [Hz, 1]
        Of the highest peak; nan for a band of too few points.
    false_alarm : array (n_energy,)
        Chance of a peak so high anywhere in the range, for a constant flux with independent Gaussian errors.
    level_chance : array (n_level,)
        Chances for which the power is told.
    level_power : array (n_level, n_energy)
    e_min, e_max : arrays (n_energy,) [TeV]
    """

    hdu_name: ClassVar[str] = "PERIODOGRAM"
    columns: ClassVar[dict[str, str | None]] = {"frequency": "Hz", "power": None}
    arrays: ClassVar[tuple[str, ...]] = (
        "n_points", "best_frequency", "best_power", "false_alarm", "level_chance", "level_power", "e_min", "e_max"
    )  # fmt: skip

    frequency: Array
    power: Array
    n_points: Array
    best_frequency: Array
    best_power: Array
    false_alarm: Array
    level_chance: Array
    level_power: Array
    e_min: Array
    e_max: Array

    @property
    def best_period(self) -> Array:
        """Period of the highest peak [s], (n_energy,)."""
        return 1.0 / self.best_frequency

    @property
    def is_at_edge(self) -> NDArray[np.bool_]:
        """Whether the power is highest at an end of the range, (n_energy,): then that is no peak, and no period."""
        if len(self) < 2:
            return np.isfinite(self.best_frequency)
        tolerance = EDGE * (self.frequency[1] - self.frequency[0])
        inside = (self.best_frequency > self.frequency[0] + tolerance) & (
            self.best_frequency < self.frequency[-1] - tolerance
        )
        return np.isfinite(self.best_frequency) & ~inside

    def edge_text(self, band: int) -> str:
        """In words that a band has no period since its power is highest at an end of the range; empty where it has."""
        if not self.is_at_edge[band]:
            return ""
        is_low = self.best_frequency[band] <= 0.5 * (self.frequency[0] + self.frequency[-1])
        return f"no period: the power is highest at the {'longest' if is_low else 'shortest'} that was looked for"

    def summary(self) -> dict[str, Any]:
        bands = {}
        for k, (low, high) in enumerate(zip(self.e_min, self.e_max, strict=True)):
            numbers = f"{self.best_period[k]:.6g} s, power {self.best_power[k]:.3f}"
            edge = self.edge_text(k)
            told = f"{edge}, {numbers}" if edge else f"period {numbers}, false alarm {self.false_alarm[k]:.2g}"
            bands[f"{low:.3g} to {high:.3g} TeV"] = told
        reach = f"{1 / self.frequency[-1]:.4g} to {1 / self.frequency[0]:.4g} s" if len(self) else "none"
        return {"periods": reach, "frequencies": len(self), **bands}
