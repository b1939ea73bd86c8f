"""The Lomb-Scargle periodogram of a light curve, frozen."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.products.column_table import ColumnTable

Array = NDArray[np.float64]


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

    def summary(self) -> dict[str, Any]:
        bands = {
            f"{low:.3g} to {high:.3g} TeV": f"period {period:.6g} s, power {power:.3f}, false alarm {chance:.2g}"
            for low, high, period, power, chance in zip(
                self.e_min, self.e_max, self.best_period, self.best_power, self.false_alarm, strict=True
            )
        }
        reach = f"{1 / self.frequency[-1]:.4g} to {1 / self.frequency[0]:.4g} s" if len(self) else "none"
        return {"periods": reach, "frequencies": len(self), **bands}
