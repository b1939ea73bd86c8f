"""Intervals of phase, and what they have in common. Imports no numpy: options are checked with it."""

from collections.abc import Iterable, Sequence

Interval = tuple[float, float]
ROUNDING = 1e-12


def wrap_intervals(intervals: Iterable[Sequence[float]]) -> tuple[Interval, ...]:
    """The parts of [0, 1] that intervals cover, in their order; what crosses 0 becomes two parts.

    Examples
    --------
    >>> wrap_intervals([(0.9, 0.1), (0.3, 0.4)])
    ((0.9, 1.0), (0.0, 0.1), (0.3, 0.4))

    Raises
    ------
    ValueError
        An interval has no width, or one of more than a turn.
    """
    parts: list[Interval] = []
    for start, stop in intervals:
        if start == stop or not -1 < stop - start <= 1:
            raise ValueError(
                f"[{start:g}, {stop:g}] is no interval of phase; expected two numbers at most a turn apart"
            )
        first, last = start % 1.0, stop % 1.0 or 1.0
        parts += [(first, last)] if first < last else [(first, 1.0), (0.0, last)]
    return tuple(parts)


def find_overlap(one: Iterable[Interval], other: Iterable[Interval]) -> Interval | None:
    """The first piece of phase that two sets of parts share; None where there is none."""
    for low, high in one:
        for start, stop in other:
            piece = max(low, start), min(high, stop)
            if piece[1] - piece[0] > ROUNDING:
                return piece
    return None


def find_own_overlap(parts: Sequence[Interval]) -> Interval | None:
    """The first piece of phase that two parts of one set share; None where there is none."""
    shared = (find_overlap([part], parts[number + 1 :]) for number, part in enumerate(parts))
    return next((piece for piece in shared if piece is not None), None)


def total_width(parts: Iterable[Interval]) -> float:
    """Sum of the widths of parts that share nothing."""
    return sum(stop - start for start, stop in parts)
