"""Maps of the sky and of energy, as they are held in memory: with a background (cash) or with off counts (wstat).

The containers hold data and responses, never models. Beside this file stand what is cut out of them (map_cut.py), their
image and spectra (map_sum.py, map_spectrum.py), their sum (map_stack.py) and their files (map_files.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.info import described, number_words, off_numbers, safe_numbers, table_numbers
from gammapy_hli.engine.datasets.map_cut import cutout, slice_energy
from gammapy_hli.engine.datasets.map_spectrum import to_spectrum
from gammapy_hli.engine.datasets.map_sum import resample_energy
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT, SpectrumDataset
from gammapy_hli.engine.geom.axes import Axis

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.gti import Gti
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
    from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
    from gammapy_hli.engine.irf.edisp_migra_map import EdispMigraMap
    from gammapy_hli.engine.irf.psf_map import PsfMap


@dataclass(frozen=True, eq=False, repr=False)
class MapDataset(Summary):
    """Counts in bins of energy and sky with their responses and the expected background; statistic cash.

    Floating point arrays keep their precision (float32 or float64), other numbers become float32, masks bool. Arrays
    are not copied: what the dataset shows is a read-only view.

    Parameters
    ----------
    name : str
        Name of the dataset, from the run number or "stacked".
    geometry : WcsGeometry
        Pixels of all arrays below, (ny, nx).
    energy, energy_true : Axis
        Reconstructed (ne bins) and true (nt bins) energy.
    counts : ndarray, shape (ne, ny, nx), or None
        Events.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Effective area times livetime at the centers of the true energy bins.
    background : ndarray, shape (ne, ny, nx), or None
        Expected background counts.
    psf : PsfMap or None
        Point spread function, on a geometry of its own.
    edisp : EdispKernelMap, EdispMigraMap or None
        Energy dispersion, on a geometry of its own.
    mask_safe, mask_fit : ndarray of bool, shape (ne, ny, nx), or None
        Bins to trust and bins to fit; None means all of them.
    gti : Gti or None
        Good time intervals.
    livetime : Quantity [s]
        Observation time without dead time; nan where it is not known.
    meta : mapping
        One list a key with one entry an observation: OBS_ID, TELESCOP, OBS_MODE, RA_PNT, DEC_PNT [deg], ...
    """

    name: str
    geometry: WcsGeometry
    energy: Axis
    energy_true: Axis
    counts: np.ndarray | None = None
    exposure: Quantity | None = None
    background: np.ndarray | None = None
    psf: PsfMap | None = None
    edisp: EdispKernelMap | EdispMigraMap | None = None
    mask_safe: np.ndarray | None = None
    mask_fit: np.ndarray | None = None
    gti: Gti | None = None
    livetime: Quantity = field(default_factory=lambda: Quantity(np.nan, "s"))
    meta: Mapping[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("counts", "background"):
            self._freeze(name, self.shape)
        for name in ("mask_safe", "mask_fit"):
            self._freeze(name, self.shape, bool)
        self._freeze_exposure()
        object.__setattr__(self, "livetime", u.Quantity(self.livetime).to(u.s))

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """(ne, ny, nx)."""
        return (self.energy.nbin, *self.geometry.shape)

    @property
    def statistic(self) -> str:
        """The fit statistic this data asks for: "cash"."""
        return "cash"

    @property
    def safe(self) -> np.ndarray:
        """The safe mask as an array, shape (ne, ny, nx): all True where there is none."""
        return np.broadcast_to(True, self.shape) if self.mask_safe is None else self.mask_safe

    @property
    def mask(self) -> np.ndarray:
        """Bins that count in a fit, shape (ne, ny, nx): safe and inside the fit range."""
        return self.safe if self.mask_fit is None else self.safe & self.mask_fit

    @property
    def safe_image(self) -> np.ndarray:
        """Pixels that are safe at any energy, shape (ny, nx)."""
        return np.asarray(self.safe.any(axis=0))

    @property
    def excess(self) -> np.ndarray | None:
        """Counts above the background, shape (ne, ny, nx); None without counts."""
        if self.counts is None or self.background is None:
            return self.counts
        return self.counts - self.background

    @property
    def obs_ids(self) -> tuple[int | str, ...]:
        """Run numbers that went into this dataset."""
        return tuple(self.meta.get("OBS_ID", ()))

    @property
    def energy_threshold(self) -> Quantity:
        """Lower edge of the first energy bin that is safe anywhere; nan where none is."""
        safe = np.flatnonzero(self.safe.any(axis=(1, 2)))
        return self.energy.edges[safe[0]] if len(safe) else np.nan * self.energy.unit

    def info(self) -> dict[str, Any]:
        """Numbers of the run table, with the names of SpectrumDataset.info.

        Returns
        -------
        dict
            livetime [Quantity s], n_on, n_off, n_on_safe, n_off_safe, alpha, background, excess, sqrt_ts (sums over
            the safe range), energy_threshold [Quantity], statistic. n_off and alpha are None for cash.
        """
        counts = np.zeros(self.shape, dtype=np.float32) if self.counts is None else self.counts
        safe = safe_numbers(counts.astype(np.float64), self.safe, _float64(self.background))
        return table_numbers(self, counts.sum(dtype=np.float64), safe)

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        parts = ("counts", "exposure", "background", "psf", "edisp", "mask_safe", "mask_fit", "gti")
        return {
            "name": self.name,
            "pixels (ny, nx)": f"{self.geometry.shape[0]}, {self.geometry.shape[1]}",
            **described(self, self.safe),
            **number_words(self.info()),
            "missing": ", ".join(name for name in parts if getattr(self, name) is None) or "nothing",
        }

    # -- parts and sums ----------------------------------------------------------------------------------------------

    def cutout(self, center: SkyCoord, width: Any, name: str | None = None) -> Self:
        """The part around a position, trimmed to the map (map_cut.py)."""
        return cutout(self, center, width, name)

    def slice_energy(self, min: Any = None, max: Any = None, name: str | None = None) -> Self:
        """The energy bins between the edges nearest to two energies (map_cut.py)."""
        return slice_energy(self, min, max, name)

    def resample_energy(self, edges: Any, name: str | None = None) -> Self:
        """Safe bins summed into wider energy bins (map_sum.py)."""
        return resample_energy(self, edges, name)

    def to_image(self, name: str | None = None) -> Self:
        """Safe bins summed over energy: one bin from the first edge to the last (map_sum.py)."""
        return resample_energy(self, self.energy.edges[[0, -1]], name)

    def to_spectrum(
        self, region: SkyRegion, containment_correction: bool = False, name: str | None = None
    ) -> SpectrumDataset:
        """The spectrum of a region: sums of counts and background, mean exposure (map_spectrum.py)."""
        return to_spectrum(self, region, containment_correction, name)

    # -- checks ------------------------------------------------------------------------------------------------------

    def _freeze(self, name: str, shape: tuple[int, ...], dtype: type | None = None) -> None:
        value = getattr(self, name)
        if value is None:
            return
        values = np.asarray(value, dtype=dtype)
        if dtype is None and values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32)
        object.__setattr__(self, name, self._checked(name, values, shape))

    def _freeze_exposure(self) -> None:
        if self.exposure is None:
            return
        exposure = u.Quantity(self.exposure)
        values = exposure.value if exposure.unit == EXPOSURE_UNIT else exposure.to_value(EXPOSURE_UNIT)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32)
        values = self._checked("exposure", values, (self.energy_true.nbin, *self.geometry.shape))
        object.__setattr__(self, "exposure", Quantity(values, EXPOSURE_UNIT, copy=False))

    def _checked(self, name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if values.shape != shape:
            raise ValueError(
                f"dataset {self.name}: {name} has shape {values.shape}; expected {shape} from {self.energy.nbin} bins "
                f"of energy, {self.energy_true.nbin} of energy_true and {self.geometry.shape} pixels (ny, nx)"
            )
        view = values.view()
        view.setflags(write=False)
        return view


@dataclass(frozen=True, eq=False, repr=False)
class MapDatasetOnOff(MapDataset):
    """Counts and off counts in every bin; statistic wstat. `background` is alpha * counts_off.

    Parameters
    ----------
    counts_off : ndarray, shape (ne, ny, nx), or None
        Off counts of each bin, as from a ring around it.
    acceptance, acceptance_off : ndarray, shape (ne, ny, nx), or None
        Relative background acceptance of the bin and of its off counts; alpha is their ratio.
    """

    background: np.ndarray | None = field(init=False, default=None)
    counts_off: np.ndarray | None = None
    acceptance: np.ndarray | None = None
    acceptance_off: np.ndarray | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("counts_off", "acceptance", "acceptance_off"):
            self._freeze(name, self.shape)
        if self.counts_off is not None:
            object.__setattr__(self, "background", self.alpha * self.counts_off)
            self._freeze("background", self.shape)

    @property
    def statistic(self) -> str:
        """The fit statistic this data asks for: "wstat"."""
        return "wstat"

    @property
    def alpha(self) -> np.ndarray:
        """acceptance / acceptance_off, shape (ne, ny, nx); 0 where there is no off acceptance or it is not finite."""
        if self.acceptance is None or self.acceptance_off is None:
            return np.zeros(self.shape, dtype=np.float32)
        alpha = np.zeros(self.shape, dtype=np.result_type(self.acceptance, self.acceptance_off))
        with np.errstate(invalid="ignore"):
            np.divide(self.acceptance, self.acceptance_off, out=alpha, where=self.acceptance_off > 0)
        return np.nan_to_num(alpha, copy=False)

    def info(self) -> dict[str, Any]:
        """As for MapDataset, with n_off and alpha = sum(alpha n_off) / sum(n_off) of the safe range."""
        counts = np.zeros(self.shape) if self.counts is None else self.counts.astype(np.float64)
        alpha = self.alpha.astype(np.float64)
        safe = safe_numbers(counts, self.safe, _float64(self.background), _float64(self.counts_off), alpha)
        return {**super().info(), **off_numbers(self.counts_off, safe)}


def _float64(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else values.astype(np.float64)
