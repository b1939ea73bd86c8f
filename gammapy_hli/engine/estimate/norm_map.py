"""Best norm of a source at every pixel of a map at once, by the Poisson likelihood of the counts around it.

A source at pixel p gives ``x K(q - p) e(q)`` counts in pixel q over the background b(q); with y = K e / b the norm x
solves ``sum_q n y / (1 + x y) = S``, S the sum of K e, and ``TS = 2 [sum_q n log(1 + x y) - x S]``. Only pixels with
counts enter the sums: each adds a square of the size of the kernel to images of x, so that there are no loops over
pixels of the result and no memory beyond some images. Stewart 2009, A&A 495, 989, appendix A, poses the problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.norm_offsets import OffsetSums
from gammapy_hli.engine.geom.convolve import fft_convolve_same
from gammapy_hli.engine.stats.cash import TRUNCATION

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_PASSES = 60
PRECISION = 1e-4
"""A search ends after a step this small against the error; as it is Newton's, the rest is its square."""

_LARGEST_LOG = 600.0  # of a product of doubles
_SMALL = 0.1  # x y up to which five terms of the series are enough: the sixth is 1e-6 of the first


@dataclass(frozen=True, eq=False)
class Sheet:
    """An image to be fitted, and how a source looks in it.

    Attributes
    ----------
    kernel : array (k, k)
        Shape of a source, k odd.
    source : array (ny, nx)
        Counts at norm 1 that the source would have if all of it fell into the pixel; 0 where the pixel is not used.
    background, counts : arrays (ny, nx)
    """

    kernel: Array
    source: Array
    background: Array
    counts: Array


@dataclass(frozen=True, eq=False)
class NormMap:
    """Best norm of every pixel; arrays (ny, nx), nan where nothing was asked.

    Attributes
    ----------
    norm : array
        Not below the norm at which some pixel would have negative counts.
    err : array
        From the curvature; nan where there are no counts around.
    ts : array
        How much the statistic is lower than without source.
    signal : array
        Counts of the source at norm 1 inside the map.
    n_iterations : array
        Steps of the search.
    at_levels : tuple of arrays
        Norms where the statistic has grown by the square of each level, below the best one for a negative level; nan
        where it does not grow so far.
    """

    norm: Array
    err: Array
    ts: Array
    signal: Array
    n_iterations: Array
    at_levels: tuple[Array, ...]


def fit_norm_map(sheets: Sequence[Sheet], used: Mask, levels: Sequence[float] = ()) -> NormMap:
    """Fit the norm of a source at every used pixel to all sheets together.

    Parameters
    ----------
    sheets : sequence of Sheet
        All on the same pixels.
    used : bool array (ny, nx)
    levels : sequence of float
        Numbers of sigma, negative for the lower side.
    """
    signal = sum(_around(sheet.source, sheet.kernel) for sheet in sheets)
    steepest = _steepest(sheets, used)
    used = used & (steepest > 0)
    counts = np.rint(sum(_around(sheet.counts, (sheet.kernel > 0).astype(float)) for sheet in sheets))
    with np.errstate(divide="ignore"):
        lowest = np.where(used, -(1.0 - 1e-12) / steepest, 0.0)
    signal = np.where(used, np.maximum(signal, 1e-300), 1.0)
    sums = _Counts(sheets, signal)
    problem = _Problem(sums, used, signal, lowest, steepest, used & (counts > 0))
    norm, n_steps = _solve(problem, _first_guess(sheets, signal), counts)
    best = sums.sums(norm, problem.has_counts, steepest)
    with np.errstate(divide="ignore"):
        err = np.where(problem.has_counts & (best.curvature > 0), 1.0 / np.sqrt(best.curvature), np.nan)

    def blank(values: Array) -> Array:
        return np.where(used, values, np.nan)

    return NormMap(
        norm=blank(norm),
        err=err,
        ts=blank(2.0 * (best.log - norm * signal)),
        signal=blank(signal),
        n_iterations=blank(n_steps),
        at_levels=tuple(blank(_at_level(problem, norm, best, level)) for level in levels),
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the counts around each pixel: of n y / (1 + x y), n (y / (1 + x y))^2 and n log(1 + x y)."""

    slope: Array
    curvature: Array
    log: Array


@dataclass(frozen=True, eq=False)
class _Squares:
    """Pixels with counts that are treated alike: number of counts, source over background, and the flipped kernel."""

    kernel: Array
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    counts: Array
    ratio: Array

    @classmethod
    def of(cls, sheet: Sheet) -> "_Squares":
        row, column = np.nonzero((sheet.counts > 0) & (sheet.source > 0))
        ratio = sheet.source[row, column] / np.maximum(sheet.background[row, column], TRUNCATION)
        flipped = np.ascontiguousarray(sheet.kernel[::-1, ::-1])
        return cls(flipped, row, column, sheet.counts[row, column], ratio)

    def take(self, keep: Mask, half: int | None = None) -> "_Squares":
        """Some of the pixels, with the middle of the kernel where a half size is given."""
        middle = self.kernel.shape[0] // 2
        inner = slice(None) if half is None else slice(middle - half, middle + half + 1)
        kernel = np.ascontiguousarray(self.kernel[inner, inner])
        return _Squares(kernel, self.row[keep], self.column[keep], self.counts[keep], self.ratio[keep])

    def near(self, active: Mask) -> "_Squares":
        """Those whose square holds an active pixel."""
        if active.all():
            return self
        return self.take(_highest_near(active.view(np.uint8), self.kernel)[self.row, self.column] > 0)


class _Counts:
    """All pixels with counts, and the sums over them.

    Where x y is small for all but the middle of the kernel, the rest of it enters as a power series in x, whose
    coefficients are convolutions; they are made anew when a norm leaves the range they were made for.
    """

    def __init__(self, sheets: Sequence[Sheet], signal: Array):
        self._all = [_Squares.of(sheet) for sheet in sheets]
        self._range = np.full(signal.shape, -1.0)
        self._parts: list[_Squares] = []
        self._series: list[Array] = []

    def sums(self, norm: Array, active: Mask, steepest: Array | None = None) -> _Sums:
        """Sums at the norms of active pixels; the logarithms only where the steepest y of each pixel is given."""
        x = np.where(active, norm, 0.0)
        if (np.abs(x) > self._range).any():
            self._range = np.maximum(self._range, 1.5 * np.abs(x))
            self._split()
        found = _sum_parts(self._parts, x, active, steepest)
        first, second, third, fourth, fifth = self._series
        slope = first + x * (-second + x * (third + x * (-fourth + x * fifth)))
        curvature = second + x * (-2 * third + x * (3 * fourth + x * (-4 * fifth)))
        logs = x * (first + x * (-second / 2 + x * (third / 3 + x * (-fourth / 4 + x * fifth / 5))))
        return _Sums(found.slope + slope, np.maximum(found.curvature + curvature, 0.0), found.log + logs)

    def _split(self) -> None:
        """Choose what is summed directly and what by the series."""
        shape = self._range.shape
        self._parts, self._series = [], [np.zeros(shape) for _ in range(5)]
        for one in self._all:
            if not len(one.row):
                continue
            strongest = _highest_near(self._range, one.kernel)[one.row, one.column] * one.ratio
            half, is_weak = _core(one.kernel, strongest, self._range.size)
            if half is None:
                self._parts.append(one)
                continue
            self._parts += [part for part in (one.take(is_weak, half), one.take(~is_weak)) if len(part.row)]
            rest, middle = one.kernel.copy(), one.kernel.shape[0] // 2
            rest[middle - half : middle + half + 1, middle - half : middle + half + 1] = 0.0
            image, ratio = np.zeros(shape), np.zeros(shape)
            at = one.row[is_weak], one.column[is_weak]
            image[at], ratio[at] = one.counts[is_weak], one.ratio[is_weak]
            for power, coefficients in enumerate(self._series, start=1):
                coefficients += fft_convolve_same(image * ratio**power, rest**power)


def _core(kernel: Array, strongest: Array, n_pixels: int) -> tuple[int | None, Mask]:
    """Half size of the middle of the kernel to be summed directly, and for which pixels that is enough.

    The cheapest one by a rough count of operations; None where the whole kernel is.
    """
    whole = kernel.shape[0] // 2
    y, x = np.ogrid[-whole : whole + 1, -whole : whole + 1]
    ring = np.maximum(np.abs(y), np.abs(x))
    price = _cheaper(len(strongest), whole, n_pixels)
    best: tuple[float, int | None, Mask] = (price, None, np.zeros(len(strongest), dtype=bool))
    for half in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96):
        if half >= whole:
            break
        is_weak = strongest * kernel[ring > half].max() <= _SMALL
        n_weak = int(is_weak.sum())
        price = _cheaper(n_weak, half, n_pixels) + _cheaper(len(strongest) - n_weak, whole, n_pixels)
        if price < best[0]:
            best = (price, half, is_weak)
    return best[1], best[2]


def _cheaper(n_counts: int, half: int, n_pixels: int) -> float:
    """Time of summing, in units of that of an element of a square."""
    return min(_cost_of_squares(n_counts, half), _cost_of_offsets(n_pixels, half))


def _cost_of_squares(n_counts: int, half: int) -> float:
    return n_counts * (2500.0 + (2 * half + 1) ** 2)


def _cost_of_offsets(n_pixels: int, half: int) -> float:
    return 3.0 * n_pixels * (2 * half + 1) ** 2


def _sum_parts(parts: Sequence[_Squares], x: Array, active: Mask, steepest: Array | None) -> _Sums:
    """Sums over all parts at the active pixels, each in the way that is cheaper."""
    rows, columns = np.nonzero(active)
    near: list[Any] = []
    dense: list[Any] = []
    for part in parts:
        close, half = part.near(active), part.kernel.shape[0] // 2
        is_dense = _cost_of_offsets(len(rows), half) < _cost_of_squares(len(close.row), half)
        (dense if is_dense else near).append(close)
    found = _sum_squares(near, x, steepest)
    for one in dense:
        offsets = OffsetSums.of(one.kernel, one.row, one.column, one.counts, one.ratio, x.shape)
        sums = offsets.sums(x[rows, columns], rows, columns, steepest is not None)
        for image, values in zip((found.slope, found.curvature, found.log), sums, strict=True):
            image[rows, columns] += values
    return found


def _highest_near(image: NDArray[Any], kernel: Array) -> NDArray[Any]:
    """Largest value of the image in the square of the kernel around each pixel."""
    from scipy.ndimage import maximum_filter  # late: TS maps only

    return np.asarray(maximum_filter(image, size=kernel.shape, mode="constant"))


def _sum_squares(squares: Sequence[_Squares], norm: Array, steepest: Array | None = None) -> _Sums:
    """Sums over squares, one by one."""
    half = max((one.kernel.shape[0] // 2 for one in squares), default=0)
    ny, nx = norm.shape
    x = np.pad(norm, half)
    slope, curvature = np.zeros_like(x), np.zeros_like(x)
    logs = None if steepest is None else _Logs(x.shape, norm, steepest)
    for one in squares:
        k = one.kernel.shape[0]
        y, t = np.empty((k, k)), np.empty((k, k))
        top, left = one.row + half - k // 2, one.column + half - k // 2
        for r, c, n, ratio in zip(top.tolist(), left.tolist(), one.counts.tolist(), one.ratio.tolist(), strict=True):
            square = (slice(r, r + k), slice(c, c + k))
            np.multiply(one.kernel, ratio, out=y)
            np.multiply(x[square], y, out=t)
            t += 1.0
            y /= t
            if n != 1.0:
                y *= n
            part = slope[square]
            part += y
            y *= y
            if n != 1.0:
                y /= n
            part = curvature[square]
            part += y
            if logs is not None:
                logs.add(square, t, n)
        if logs is not None:
            logs.flush()
    inner = (slice(half, half + ny), slice(half, half + nx))
    total = np.zeros_like(norm) if logs is None else logs.total[inner]
    return _Sums(slope[inner], curvature[inner], total)


@dataclass(frozen=True, eq=False)
class _Problem:
    """What the searches are given: sums, used pixels, S, lowest norms, largest y, and pixels with counts around."""

    counts: _Counts
    used: Mask
    signal: Array
    lowest: Array
    steepest: Array
    has_counts: Mask


class _Logs:
    """Sum of logarithms as the logarithm of products, taken before these can overflow."""

    def __init__(self, shape: tuple[int, int], norm: Array, steepest: Array):
        extremes = 1.0 + norm * steepest
        largest = max(abs(log(max(float(extremes.min()), 1e-13))), abs(log(float(extremes.max()))), 1e-3)
        self._capacity = _LARGEST_LOG / largest
        self.total = np.zeros(shape)
        self._product = np.ones(shape)
        self._held = 0.0
        self._rows: tuple[int, int] | None = None

    def add(self, square: tuple[slice, slice], t: Array, n: float) -> None:
        """Add n log(t) in a square; t is not kept."""
        if n != 1.0 and n != 2.0:
            np.log(t, out=t)
            t *= n
            part = self.total[square]
            part += t
            return
        if self._held + n > self._capacity:
            self.flush()
        part = self._product[square]
        part *= t
        if n == 2.0:
            part *= t
        self._held += n
        first, last = square[0].start, square[0].stop
        self._rows = (first, last) if self._rows is None else (min(first, self._rows[0]), max(last, self._rows[1]))

    def flush(self) -> None:
        """Move the product to the sum."""
        if self._rows is not None:
            rows = slice(*self._rows)
            self.total[rows] += np.log(self._product[rows])
            self._product[rows] = 1.0
        self._held, self._rows = 0.0, None


def _around(image: Array, kernel: Array) -> Array:
    """Sum over o of kernel(o) image(p + o)."""
    return np.asarray(fft_convolve_same(image, kernel[::-1, ::-1]))


def _steepest(sheets: Sequence[Sheet], used: Mask) -> Array:
    """Largest source over background among the pixels that a source at each pixel reaches; 0 where it reaches none.

    Offsets are tried in falling order of the kernel; a pixel is done when the next one cannot give more.
    """
    found = np.zeros(used.shape)
    for sheet in sheets:
        ratio = np.where(sheet.source > 0, sheet.source / np.maximum(sheet.background, TRUNCATION), 0.0)
        half = sheet.kernel.shape[0] // 2
        highest = _highest_near(ratio, sheet.kernel)
        padded = np.pad(ratio, half)
        width = padded.shape[1]
        order = np.argsort(sheet.kernel, axis=None)[::-1]
        order = order[sheet.kernel.ravel()[order] > 0]
        shifts = (order // sheet.kernel.shape[1]) * width + order % sheet.kernel.shape[1]
        weights = sheet.kernel.ravel()[order]
        rows, columns = np.nonzero(used)
        place, best, top = rows * width + columns, found[rows, columns], highest[rows, columns]
        flat = padded.ravel()
        for number, (shift, weight) in enumerate(zip(shifts, weights, strict=True)):
            if number % 8 == 0:
                open_ = best < weight * top
                if not open_.all():
                    found[rows, columns] = best
                    rows, columns, place, best, top = (v[open_] for v in (rows, columns, place, best, top))
                if not len(rows):
                    break
            np.maximum(best, weight * flat[place + shift], out=best)
        found[rows, columns] = best
    return found


def _solve(problem: _Problem, guess: Array, counts: Array) -> tuple[Array, Array]:
    """Norm where slope equals signal, or the lowest one, and the number of steps.

    Newton's method for 1 / slope, which is concave and nearly linear in the norm: from below it climbs to the root
    without passing it, and for a single pixel it is there at once. It is kept inside a bracket.
    """
    signal, lowest = problem.signal, problem.lowest
    low, high = lowest.copy(), np.maximum(counts, 0.0) / signal * (1.0 + 1e-9)
    norm = np.where(problem.has_counts, np.clip(guess, low, high), lowest)
    n_steps, active = np.zeros(norm.shape), problem.has_counts.copy()
    for _ in range(MAX_PASSES):
        if not active.any():
            break
        sums = problem.counts.sums(norm, active)
        slope, curvature = sums.slope[active], sums.curvature[active]
        at, lo, hi, goal = norm[active], low[active], high[active], signal[active]
        is_below = slope > goal
        lo, hi = np.where(is_below, at, lo), np.where(is_below, hi, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = at + slope / curvature * (slope / goal - 1.0)
            tolerance = PRECISION / np.sqrt(curvature)
        floor = lowest[active]
        to_floor = ~(slope > 0) | ((lo <= floor) & ~(new > lo))
        middle = 0.5 * (lo + hi)
        new = np.where((new > lo) & (new < hi), new, np.where(to_floor, floor, middle))
        moved = np.abs(new - at)
        norm[active], low[active], high[active] = new, lo, hi
        n_steps[active] += 1
        going = ~((moved <= tolerance) | (hi - lo <= 1e-12 * np.abs(hi)) | (moved == 0.0)) & (slope > 0)
        active[active] = going
    return norm, n_steps


def _first_guess(sheets: Sequence[Sheet], signal: Array) -> Array:
    """One step from norm 0, by convolutions."""
    slope, curvature = np.zeros(signal.shape), np.zeros(signal.shape)
    for sheet in sheets:
        good = (sheet.background > 1e-6 * sheet.background.max(initial=0.0)) & (sheet.source > 0)
        ratio = np.where(good, sheet.source / np.where(good, sheet.background, 1.0), 0.0)
        slope += _around(sheet.counts * ratio, sheet.kernel)
        curvature += _around(sheet.counts * ratio**2, sheet.kernel**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = slope / curvature * (slope / signal - 1.0)
    return np.where(np.isfinite(guess) & (curvature > 1e-9 * curvature.max(initial=0.0)), guess, 0.0)


def _at_level(problem: _Problem, best_norm: Array, best: _Sums, level: float) -> Array:
    """Norm on one side of the best where the statistic is ``level**2`` higher, by Newton on the root of its growth."""
    used, signal, lowest, steepest = problem.used, problem.signal, problem.lowest, problem.steepest
    side, goal = np.sign(level), abs(level)
    push = np.maximum(side * (signal - best.slope), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = goal**2 / (push + np.sqrt(push**2 + best.curvature * goal**2))
    active = used & np.isfinite(step)
    norm = np.where(active, best_norm + side * step, 0.0)
    norm = np.where(active, np.maximum(norm, lowest), 0.0)
    near, far = best_norm.copy(), np.where(side > 0, np.inf, lowest)
    result = np.full(norm.shape, np.nan)
    for _ in range(MAX_PASSES):
        if not active.any():
            break
        sums = problem.counts.sums(norm, active, np.where(active, steepest, 0.0))
        at, scale = norm[active], step[active]
        growth = 2.0 * ((at - best_norm[active]) * signal[active] - (sums.log - best.log)[active])
        root = np.sqrt(np.maximum(growth, 0.0))
        is_past = root >= goal
        near[active], far[active] = np.where(is_past, near[active], at), np.where(is_past, at, far[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            new = at - (root - goal) * root / (signal - sums.slope)[active]
        low, high = np.minimum(near[active], far[active]), np.maximum(near[active], far[active])
        is_wrong = ~((new >= low) & (new <= high))
        other = np.where(np.isfinite(far[active]), 0.5 * (low + high), at + side * scale)
        beyond = (side < 0) & ~(new > low) & (far[active] == lowest[active])
        new = np.where(is_wrong, np.where(beyond, lowest[active], other), new)
        is_stuck = ~is_past & (at <= lowest[active]) & (side < 0)
        done = (np.abs(new - at) <= PRECISION * scale) | is_stuck
        norm[active] = new
        found = np.where(is_stuck, np.nan, new)
        values = result[active]
        values[done] = found[done]
        result[active] = values
        active[active] = ~done
    return result
