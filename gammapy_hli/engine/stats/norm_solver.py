"""Fits one norm in each of many independent likelihoods at once: flux points, light curves, count intervals.

Problem k has the statistic ``S_k(x) = sum over its bins of stat(n, offset + x signal)``; the statistic of a bin is W
(measured background) or Cash (known background). Both are convex in x, so a bracketed Newton search finds the minimum
and the two places where S has grown by a given amount. No step loops over problems.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.stats.cash import cash_terms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]

MAX_ITERATIONS = 200
RELATIVE_STEP = 1e-13
"""A search ends when its step is this small against the norm, or moves fewer than this many counts."""


def _no_index() -> Index:
    return np.zeros(0, dtype=np.intp)


def _no_value() -> Array:
    return np.zeros(0)


def _no_bins() -> WstatBins:
    return WstatBins(_no_value(), _no_value(), _no_value())


@dataclass(frozen=True, eq=False)
class NormProblems:
    """Many one-parameter likelihoods, their bins in flat arrays.

    Parameters
    ----------
    n_problems : int
    wstat_group, wstat_signal, wstat_offset, wstat : arrays (n_wstat_bins,)
        Problem of each on-off bin, its predicted signal at norm 1, the signal that does not scale, and its counts.
    cash_group, cash_signal, cash_offset, cash_counts : arrays (n_cash_bins,)
        The same for bins with known background; the offset includes the background.
    """

    n_problems: int
    wstat_group: Index = field(default_factory=_no_index)
    wstat_signal: Array = field(default_factory=_no_value)
    wstat_offset: Array = field(default_factory=_no_value)
    wstat: WstatBins = field(default_factory=_no_bins)
    cash_group: Index = field(default_factory=_no_index)
    cash_signal: Array = field(default_factory=_no_value)
    cash_offset: Array = field(default_factory=_no_value)
    cash_counts: Array = field(default_factory=_no_value)

    @classmethod
    def from_wstat(
        cls, n_problems: int, group: Index, signal: Array, bins: WstatBins, offset: Array | None = None
    ) -> "NormProblems":
        """Problems made of on-off bins only."""
        offset = np.zeros(len(signal)) if offset is None else offset
        return cls(n_problems, wstat_group=group, wstat_signal=signal, wstat_offset=offset, wstat=bins)

    @classmethod
    def from_cash(
        cls, n_problems: int, group: Index, signal: Array, counts: Array, offset: Array | None = None
    ) -> "NormProblems":
        """Problems made of bins with known background (``offset``) only."""
        offset = np.zeros(len(signal)) if offset is None else offset
        return cls(n_problems, cash_group=group, cash_signal=signal, cash_offset=offset, cash_counts=counts)

    def terms(self, norm: Array) -> tuple[Array, Array, Array]:
        """Statistic of each problem at its norm with first and second derivative, three arrays (n_problems,)."""
        total = [np.zeros(self.n_problems) for _ in range(3)]
        if len(self.wstat_group):
            mu = self.wstat_offset + norm[self.wstat_group] * self.wstat_signal
            self._add(total, self.wstat_group, self.wstat_signal, self.wstat.terms(mu))
        if len(self.cash_group):
            mu = self.cash_offset + norm[self.cash_group] * self.cash_signal
            self._add(total, self.cash_group, self.cash_signal, cash_terms(self.cash_counts, mu))
        return total[0], total[1], total[2]

    def stat(self, norm: Array) -> Array:
        """Statistic of each problem at its norm, (n_problems,)."""
        total = np.zeros(self.n_problems)
        if len(self.wstat_group):
            mu = self.wstat_offset + norm[self.wstat_group] * self.wstat_signal
            total += np.bincount(self.wstat_group, self.wstat.stat(mu), self.n_problems)
        if len(self.cash_group):
            mu = self.cash_offset + norm[self.cash_group] * self.cash_signal
            total += np.bincount(self.cash_group, cash_terms(self.cash_counts, mu)[0], self.n_problems)
        return total

    def _add(self, total: list[Array], group: Index, signal: Array, terms: tuple[Array, Array, Array]) -> None:
        weight: Array | float = 1.0
        for order, term in enumerate(terms):
            total[order] += np.bincount(group, term * weight, self.n_problems)
            weight = weight * signal

    def take(self, chosen: NDArray[np.bool_]) -> "NormProblems":
        """Some of the problems, renumbered."""
        number = np.cumsum(chosen) - 1
        w, c = chosen[self.wstat_group], chosen[self.cash_group]
        return replace(
            self,
            n_problems=int(chosen.sum()),
            wstat_group=number[self.wstat_group[w]],
            wstat_signal=self.wstat_signal[w],
            wstat_offset=self.wstat_offset[w],
            wstat=self.wstat.take(w),
            cash_group=number[self.cash_group[c]],
            cash_signal=self.cash_signal[c],
            cash_offset=self.cash_offset[c],
            cash_counts=self.cash_counts[c],
        )

    def joined(self, other: "NormProblems") -> "NormProblems":
        """The same problems with the bins of another set added to them."""
        arrays = ("group", "signal", "offset")
        names = [f"{kind}_{name}" for kind in ("wstat", "cash") for name in arrays] + ["cash_counts"]
        merged = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        counts = (np.concatenate([getattr(self.wstat, n), getattr(other.wstat, n)]) for n in ("n_on", "n_off", "alpha"))
        bins = WstatBins(*counts)
        return NormProblems(max(self.n_problems, other.n_problems), wstat=bins, **merged)

    def domain(self) -> tuple[Array, Array]:
        """Norms between which no bin with known (or without any) background predicts negative counts."""
        low, high = np.full(self.n_problems, -np.inf), np.full(self.n_problems, np.inf)
        lone = self.wstat.has_no_background
        for group, signal, offset in (
            (self.wstat_group[lone], self.wstat_signal[lone], self.wstat_offset[lone]),
            (self.cash_group, self.cash_signal, self.cash_offset),
        ):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                edge = -offset / signal
            up, down = signal > 0, signal < 0
            np.maximum.at(low, group[up], edge[up])
            np.minimum.at(high, group[down], edge[down])
        return low, high

    def bracket(self) -> tuple[Array, Array]:
        """Norms that enclose the minimum: the smallest and largest of the norms that would suit one bin alone."""
        low, high = np.full(self.n_problems, np.inf), np.full(self.n_problems, -np.inf)
        bins = self.wstat
        wanted = bins.n_on - bins.alpha * bins.n_off - self.wstat_offset
        for group, signal, target in (
            (self.wstat_group, self.wstat_signal, wanted),
            (self.cash_group, self.cash_signal, self.cash_counts - self.cash_offset),
        ):
            matters = signal != 0
            with np.errstate(over="ignore"):
                ideal = target[matters] / signal[matters]
            np.minimum.at(low, group[matters], ideal)
            np.maximum.at(high, group[matters], ideal)
        edge_low, edge_high = self.domain()
        return np.clip(low, edge_low, edge_high), np.clip(high, edge_low, edge_high)

    def signal_sum(self) -> Array:
        """Predicted signal at norm 1, summed without sign, (n_problems,)."""
        total: Array = np.bincount(self.wstat_group, np.abs(self.wstat_signal), self.n_problems).astype(float)
        return total + np.bincount(self.cash_group, np.abs(self.cash_signal), self.n_problems)


@dataclass(frozen=True, eq=False)
class NormFit:
    """Best norm of each problem; arrays (n_problems,).

    ``err`` is ``sqrt(2 / S'')``, nan where the statistic has a kink or is flat; ``success`` is False, and the numbers
    nan, where no bin constrains the norm.
    """

    norm: Array
    err: Array
    stat: Array
    success: NDArray[np.bool_]


def solve_norms(problems: NormProblems) -> NormFit:
    """Minimize every problem.

    Examples
    --------
    >>> bins = WstatBins(np.array([12.0, 30.0]), np.array([20.0, 40.0]), np.array([0.1, 0.1]))
    >>> fit = solve_norms(NormProblems.from_wstat(2, np.array([0, 1]), np.array([5.0, 13.0]), bins))
    >>> np.round(fit.norm, 9).tolist()
    [2.0, 2.0]
    """
    low, high = problems.bracket()
    solvable = np.isfinite(low) & np.isfinite(high)
    norm = np.full(problems.n_problems, np.nan)
    if solvable.any():
        part = problems if solvable.all() else problems.take(solvable)
        low, high = low[solvable], high[solvable]

        def slope(chosen: NormProblems, x: Array, _: NDArray[np.bool_]) -> tuple[Array, Array]:
            return chosen.terms(x)[1:]

        norm[solvable] = _search(part, slope, 0.5 * (low + high), low, high)
    stat, _, curvature = problems.terms(norm)
    with np.errstate(divide="ignore", invalid="ignore"):
        err = np.where(curvature > 0, np.sqrt(2.0 / curvature), np.nan)
    return NormFit(norm, np.where(solvable, err, np.nan), np.where(solvable, stat, np.nan), solvable)


def norm_at_delta(problems: NormProblems, best: NormFit, delta: float, side: int) -> Array:
    """Norm on one side of the minimum where the statistic lies ``delta`` above it.

    Parameters
    ----------
    delta : float
        n_sigma squared.
    side : int
        1 for larger norms (errp, upper limits), -1 for smaller ones (errn).

    Returns
    -------
    norm : array (n_problems,)
        nan where the statistic does not grow that far inside the domain, or where the problem has no solution.
    """
    far = _beyond(problems, best, delta, side)
    found = np.isfinite(far)
    norm = np.full(problems.n_problems, np.nan)
    if not found.any():
        return norm
    part = problems if found.all() else problems.take(found)
    near, far = best.norm[found], far[found]
    level = best.stat[found] + delta

    def height(chosen: NormProblems, x: Array, active: NDArray[np.bool_]) -> tuple[Array, Array]:
        stat, first, _ = chosen.terms(x)
        return side * (stat - level[active]), side * first

    # at the edge of the domain the slope is so steep that a step of Newton's looks like the last one
    edge = part.domain()[0 if side < 0 else 1]
    is_at_edge = np.abs(far - edge) <= 1e-12 * np.maximum(np.abs(edge), 1e-300)
    start = np.where(is_at_edge, 0.5 * (near + far), far)
    norm[found] = _search(part, height, start, np.minimum(near, far), np.maximum(near, far))
    return norm


def scan_norms(problems: NormProblems, norms: Array) -> Array:
    """Statistic of every problem at each of the given norms, (n_problems, n_norms)."""
    return np.stack([problems.stat(np.full(problems.n_problems, x)) for x in norms], axis=-1)


def _beyond(problems: NormProblems, best: NormFit, delta: float, side: int) -> Array:
    """A norm past the level on the wanted side, nan where there is none; doubles the distance until it is past."""
    low, high = problems.domain()
    edge = high if side > 0 else low
    inside = np.where(np.isfinite(edge), edge, 0.0)
    inside -= side * 1e-15 * np.maximum(np.abs(inside), 1e-300)
    total = problems.signal_sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        linear = 0.5 * delta / total
        step = np.where(np.isfinite(best.err), np.maximum(best.err * np.sqrt(delta), linear), linear)
    step = np.where(best.success & np.isfinite(step), step, np.nan)
    far = np.full(problems.n_problems, np.nan)
    waiting = np.isfinite(step)
    for _ in range(MAX_ITERATIONS):
        if not waiting.any():
            break
        trial = best.norm + side * step
        is_outside = (trial - edge) * side >= 0
        trial = np.where(is_outside, inside, trial)
        past = problems.stat(np.where(np.isfinite(trial), trial, 0.0)) >= best.stat + delta
        far = np.where(waiting & past, trial, far)
        waiting &= ~past & ~is_outside
        step = 2.0 * step
    return far


Equation = Callable[[NormProblems, Array, NDArray[np.bool_]], tuple[Array, Array]]


def _search(problems: NormProblems, equation: Equation, start: Array, low: Array, high: Array) -> Array:
    """Root of an increasing function of each norm inside its bracket: Newton, with bisection where that fails.

    ``equation(problems, x, active)`` gives value and derivative of the problems that are still active. Problems that
    have converged are dropped once they are the majority.
    """
    x, low, high = start.astype(float), low.astype(float), high.astype(float)
    smallest = RELATIVE_STEP / np.maximum(problems.signal_sum(), 1e-290)
    active = np.ones(len(x), dtype=bool)
    last = high - low
    for _ in range(MAX_ITERATIONS):
        at, lo, hi = x[active], low[active], high[active]
        value, slope = equation(problems, at, active)
        lo, hi = np.where(value <= 0, at, lo), np.where(value >= 0, at, hi)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            new = at - value / slope
        use_middle = ~((new >= lo) & (new <= hi)) | (np.abs(new - at) > 0.5 * last[active])
        new = np.where(use_middle, 0.5 * (lo + hi), new)
        moved = np.abs(new - at)
        x[active], low[active], high[active] = new, lo, hi
        last[active] = np.where(use_middle, hi - lo, moved)
        enough = smallest[active] + RELATIVE_STEP * np.abs(new)
        going = (moved > enough) & (hi - lo > enough)
        if not going.any():
            break
        if 2 * going.sum() <= going.size:
            problems = problems.take(going)
            active[active] = going
    return x
