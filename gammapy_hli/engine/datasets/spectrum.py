"""Spectra of one region, as they are held in memory: with a background model (cash) or with off counts (wstat).

The containers hold data and responses, never models. Beside this file stand their sum (stack.py), their collection
(datasets.py) and their files (gadf.py, ogip.py, datasets_yaml.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.info import described, number_words, off_numbers, safe_numbers, table_numbers
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.geom.axes import Axis

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.gti import Gti

EXPOSURE_UNIT = u.Unit("m2 s")


@dataclass(frozen=True, eq=False, repr=False)
class SpectrumDataset(Summary):
    """Counts of one region with its responses and, where known, the expected background; statistic cash.

    Arrays are copied, made float64 (bool for masks) and read-only.

    Parameters
    ----------
    name : str
        Name of the dataset, from the run number.
    energy, energy_true : Axis
        Reconstructed (ne bins) and true (nt bins) energy.
    counts : ndarray, shape (ne,)
        Events inside the region.
    exposure : Quantity, shape (nt,) [m2 s]
        Effective area times livetime, times the containment of the region where that correction was asked for.
    edisp : ndarray, shape (nt, ne)
        Probability that true energy bin i is found in reconstructed bin j.
    edisp_exposure : Quantity, shape (nt,) [m2 s]
        Exposure without containment: the weight of `edisp` when datasets are stacked.
    mask_safe : ndarray of bool, shape (ne,)
        Bins to trust.
    livetime : Quantity [s]
        Observation time without dead time.
    background : ndarray, shape (ne,), or None
        Expected background counts; None means no background.
    gti : Gti or None
        Good time intervals.
    region : regions.SkyRegion or None
        The on region.
    meta : mapping
        One list a key with one entry an observation: OBS_ID, TELESCOP, OBS_MODE, RA_PNT, DEC_PNT [deg], ...
    """

    name: str
    energy: Axis
    energy_true: Axis
    counts: np.ndarray
    exposure: Quantity
    edisp: np.ndarray
    edisp_exposure: Quantity
    mask_safe: np.ndarray
    livetime: Quantity
    background: np.ndarray | None = None
    gti: Gti | None = None
    region: SkyRegion | None = None
    meta: Mapping[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_reco, n_true = self.energy.nbin, self.energy_true.nbin
        self._freeze_array("counts", (n_reco,))
        self._freeze_array("edisp", (n_true, n_reco))
        self._freeze_array("mask_safe", (n_reco,), bool)
        self._freeze_array("background", (n_reco,))
        self._freeze_quantity("exposure", (n_true,), EXPOSURE_UNIT)
        self._freeze_quantity("edisp_exposure", (n_true,), EXPOSURE_UNIT)
        self._freeze_quantity("livetime", (), u.s)

    @property
    def statistic(self) -> str:
        """The fit statistic this data asks for: "cash"."""
        return "cash"

    @property
    def excess(self) -> np.ndarray:
        """Counts above the background, shape (ne,)."""
        return self.counts if self.background is None else self.counts - self.background

    @property
    def obs_ids(self) -> tuple[int | str, ...]:
        """Run numbers that went into this dataset."""
        return tuple(self.meta.get("OBS_ID", ()))

    @property
    def energy_threshold(self) -> Quantity:
        """Lower edge of the first safe bin; nan where no bin is safe."""
        safe = np.flatnonzero(self.mask_safe)
        return self.energy.edges[safe[0]] if len(safe) else np.nan * self.energy.unit

    def info(self) -> dict[str, Any]:
        """Numbers of the run table: plain counts and the same inside the safe range.

        Returns
        -------
        dict
            livetime [Quantity s], n_on, n_off, n_on_safe, n_off_safe, alpha, excess, sqrt_ts (safe range),
            energy_threshold [Quantity], background (safe range), statistic. n_off and alpha are None for cash.
        """
        safe = safe_numbers(self.counts, self.mask_safe, self.background)
        return table_numbers(self, self.counts.sum(), safe)

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        return {"name": self.name, **described(self, self.mask_safe), **number_words(self.info())}

    def _freeze_array(self, name: str, shape: tuple[int, ...], dtype: type = float) -> None:
        value = getattr(self, name)
        if value is not None:
            object.__setattr__(self, name, self._checked(name, np.array(value, dtype=dtype), shape))

    def _freeze_quantity(self, name: str, shape: tuple[int, ...], unit: u.UnitBase) -> None:
        values = np.array(u.Quantity(getattr(self, name)).to_value(unit), dtype=float)
        object.__setattr__(self, name, Quantity(self._checked(name, values, shape), unit, copy=False))

    def _checked(self, name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if values.shape != shape:
            raise ValueError(
                f"dataset {self.name}: {name} has shape {values.shape}; expected {shape} from "
                f"{self.energy.nbin} bins of energy and {self.energy_true.nbin} of energy_true"
            )
        if shape:
            values.setflags(write=False)
        return values


@dataclass(frozen=True, eq=False, repr=False)
class SpectrumDatasetOnOff(SpectrumDataset):
    """Counts of an on region and of off regions; statistic wstat. `background` is alpha * counts_off.

    Parameters
    ----------
    counts_off : ndarray, shape (ne,), or None
        Events in all off regions together.
    acceptance, acceptance_off : ndarray, shape (ne,)
        Relative background acceptance of the on region and of all off regions; alpha is their ratio.
    regions_off : sequence of regions.SkyRegion
        The off regions (a RegionSet, made into sky regions when looked at); empty where they are not known, as in
        stacked datasets.
    """

    background: np.ndarray | None = field(init=False, default=None)
    counts_off: np.ndarray | None = None
    acceptance: np.ndarray = None  # type: ignore[assignment]  # checked in __post_init__
    acceptance_off: np.ndarray = None  # type: ignore[assignment]  # checked in __post_init__
    regions_off: Sequence[SkyRegion] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("acceptance", "acceptance_off"):
            if getattr(self, name) is None:
                raise ValueError(f"dataset {self.name}: {name} is missing; give one value an energy bin")
        for name in ("counts_off", "acceptance", "acceptance_off"):
            self._freeze_array(name, (self.energy.nbin,))
        if not isinstance(self.regions_off, RegionSet):
            object.__setattr__(self, "regions_off", tuple(self.regions_off))
        if self.counts_off is not None:
            object.__setattr__(self, "background", self.alpha * self.counts_off)
            self._freeze_array("background", (self.energy.nbin,))

    @property
    def statistic(self) -> str:
        """The fit statistic this data asks for: "wstat"."""
        return "wstat"

    @property
    def alpha(self) -> np.ndarray:
        """acceptance / acceptance_off, shape (ne,); 0 where there is no off acceptance."""
        alpha = np.zeros(self.energy.nbin)
        np.divide(self.acceptance, self.acceptance_off, out=alpha, where=self.acceptance_off > 0)
        return alpha

    def info(self) -> dict[str, Any]:
        """As for SpectrumDataset, with n_off and alpha = sum(alpha n_off) / sum(n_off) of the safe range."""
        safe = safe_numbers(self.counts, self.mask_safe, self.background, self.counts_off, self.alpha)
        return {**super().info(), **off_numbers(self.counts_off, safe)}
