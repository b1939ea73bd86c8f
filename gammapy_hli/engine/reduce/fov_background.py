"""Background of the response files, normalized to the counts of each run outside of the exclusion (NUMERICS B.12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.map import MapDataset

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.map import MapPlan

METHODS = ("scale", "fit")
_MAX_STEPS = 50
_NOTHING = 1e-10  # background counts: a response that is 0 everywhere has the smallest numbers that there are
_SMALLEST_STEP = 1e-10  # of ln(norm) and tilt


class FovNorm(NamedTuple):
    """Factor norm (E / 1 TeV)^(-tilt) on a background, with errors; those of fixed parameters are 0."""

    norm: float
    norm_err: float
    tilt: float = 0.0
    tilt_err: float = 0.0


@dataclass(frozen=True)
class FovBackground:
    """Background method: one factor on the background of the run's response files.

    The factor goes into the stored background; `meta` remembers it as BKG_NORM, BKG_NORM_ERR (and BKG_TILT,
    BKG_TILT_ERR where the tilt is free).

    Parameters
    ----------
    method : str
        ``scale``: norm = sum(counts - signal) / sum(background), with the error sqrt(sum(counts - signal)) /
        sum(background). ``fit``: the maximum of the likelihood, with the tilt where `free_tilt` is set.
    min_counts, min_npred_background : float
        A run is used only where more than this much is found outside of the exclusion.
    free_tilt : bool
        Fit the slope in energy too.
    signal : callable or None
        ``signal(dataset)`` gives the counts expected of known sources, shape (ne, ny, nx). None: no sources outside
        of the exclusion.
    only_inside_mask : bool
        Leave sky that the image of the exclusion does not cover out of the normalization, as gammapy 2.1 does by
        filling it with "excluded". The default takes it as allowed, as all other methods do.
    """

    method: str = "scale"
    min_counts: float = 0
    min_npred_background: float = 0
    free_tilt: bool = False
    signal: Callable[[MapDataset], np.ndarray] | None = None
    only_inside_mask: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"{self.method!r} is no method of the FoV background. Allowed: {', '.join(METHODS)}")
        if self.free_tilt and self.method != "fit":
            raise ValueError("a free tilt needs method 'fit'")

    def __call__(self, dataset: MapDataset, observation: Observation | None, plan: MapPlan) -> MapDataset:
        """The dataset with its background normalized.

        Raises
        ------
        ItemError
            There is nothing to normalize with: too few counts or too little background outside of the exclusion, or a
            fit that does not converge.
        """
        if dataset.background is None or dataset.counts is None:
            raise ItemError("FoV background: the run has no background or no counts to normalize it to")
        allowed = plan.allowed_on(dataset.geometry)
        if self.only_inside_mask and plan.exclusion is not None:
            allowed = allowed & plan.exclusion.covers(*dataset.geometry.icrs())
        norm = self.find_norm(dataset, allowed)
        factor = norm.norm * dataset.energy.center_value("TeV") ** -norm.tilt
        background = dataset.background * factor[:, np.newaxis, np.newaxis].astype(dataset.background.dtype)
        meta: dict[str, list[Any]] = {**dataset.meta, "BKG_NORM": [norm.norm], "BKG_NORM_ERR": [norm.norm_err]}
        if self.free_tilt:
            meta |= {"BKG_TILT": [norm.tilt], "BKG_TILT_ERR": [norm.tilt_err]}
        return replace(dataset, background=background, meta=meta)

    def find_norm(self, dataset: MapDataset, allowed: np.ndarray) -> FovNorm:
        """Norm and tilt of a dataset from its bins that are safe, in the fit range and allowed (bool, (ny, nx))."""
        assert dataset.counts is not None
        assert dataset.background is not None
        signal = None if self.signal is None else self.signal(dataset)
        mask = dataset.mask & allowed & np.isfinite(dataset.background)
        if signal is not None:
            mask &= np.isfinite(signal)
        log_energy = np.log(dataset.energy.center_value("TeV"))
        # without sources the factor depends on energy only, and so does the likelihood: sums over pixels are enough
        flatten = _sum_pixels if signal is None else _pick
        counts, background = flatten(dataset.counts, mask), flatten(dataset.background, mask)
        known = np.zeros(len(counts)) if signal is None else _pick(signal, mask)
        self._check(counts.sum(), excess := counts.sum() - known.sum(), expected := background.sum())
        scaled = FovNorm(float(excess / expected), float(np.sqrt(excess) / expected))
        if self.method == "scale":
            return scaled
        if signal is not None:
            log_energy = _pick(np.broadcast_to(log_energy[:, np.newaxis, np.newaxis], mask.shape), mask)
        return fit_norm(counts, background, log_energy, known, free_tilt=self.free_tilt, start=scaled.norm)

    def _check(self, n: float, excess: float, expected: float) -> None:
        where = "outside of the exclusion and inside the safe range"
        if not expected > max(self.min_npred_background, _NOTHING):
            raise ItemError(
                f"FoV background: {expected:.4g} background counts {where}, expected more than "
                f"{self.min_npred_background:g}"
            )
        if not n > self.min_counts:
            raise ItemError(f"FoV background: {n:.0f} counts {where}, expected more than {self.min_counts:g}")
        if not excess > 0:
            raise ItemError(f"FoV background: {n:.0f} counts {where}, less than the known sources give")


def fit_norm(
    counts: np.ndarray,
    background: np.ndarray,
    log_energy: np.ndarray,
    signal: np.ndarray,
    *,
    free_tilt: bool = False,
    start: float = 1.0,
) -> FovNorm:
    """Maximum of the Poisson likelihood of signal + norm exp(-tilt log_energy) background.

    Newton steps with the expected second derivatives, halved until the likelihood grows; errors are those of the
    observed second derivatives at the maximum.

    Parameters
    ----------
    counts, background, signal : ndarray, shape (n,)
    log_energy : ndarray, shape (n,)
        ln(E / 1 TeV) of each bin.
    free_tilt : bool
        Held at 0 where all bins with background have one energy, which says nothing about a slope.
    start : float
        First guess of the norm.

    Raises
    ------
    ItemError
        No convergence.
    """
    use = background > 0
    counts, background, log_energy, signal = (_[use] for _ in (counts, background, log_energy, signal))
    free_tilt = free_tilt and len(np.unique(log_energy)) > 1
    free = slice(0, 2 if free_tilt else 1)
    powers = np.stack([np.ones(len(counts)), -log_energy])[free]

    def scaled_background(theta: np.ndarray) -> np.ndarray:
        return background * np.exp(theta @ powers)

    def half_statistic(theta: np.ndarray) -> float:
        mean = signal + scaled_background(theta)
        return float(np.sum(mean - counts * np.log(mean)))

    theta = np.array([np.log(start), 0.0])[free]
    for _ in range(_MAX_STEPS):
        scaled = scaled_background(theta)
        mean, slopes = signal + scaled, powers * scaled
        step = np.linalg.solve((slopes / mean) @ slopes.T, slopes @ (1 - counts / mean))
        before = half_statistic(theta)
        while half_statistic(theta - step) > before and np.abs(step).max() > _SMALLEST_STEP:
            step /= 2
        if np.abs(step).max() < _SMALLEST_STEP:
            break
        theta = theta - step
    else:
        raise ItemError(f"FoV background: the fit did not converge in {_MAX_STEPS} steps; take method scale")
    errors = _errors(counts, scaled, mean, powers)
    norm = float(np.exp(theta[0]))
    tilt = (float(theta[1]), float(errors[1])) if free_tilt else (0.0, 0.0)
    return FovNorm(norm, float(norm * errors[0]), *tilt)


def _errors(counts: np.ndarray, scaled: np.ndarray, mean: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Errors of ln(norm), and of the tilt where it is free, from the second derivatives."""
    curvature = counts * scaled**2 / mean**2 + (1 - counts / mean) * scaled
    return np.sqrt(np.diag(np.linalg.inv((powers * curvature) @ powers.T)))


def _sum_pixels(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(values, axis=(1, 2), where=mask, dtype=np.float64))


def _pick(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return values[mask].astype(np.float64)
