"""A few hundred numbers that stand for a large array: what references of maps are made of. Needs numpy only.

The recording scripts take them of gammapy's arrays, the tests compare ours with them. They see an error of the size of
the tolerance that is spread over many pixels (sums, blocks, samples), and one of ten times the tolerance in any single
pixel of an array of up to 4096 (blocks).
"""

import numpy as np

N_SAMPLES = 20
BLOCK_MIN, N_BLOCKS_MAX = 64, 64
DIGITS = 10


def numbers_of(array) -> dict:
    """Numbers of an array, ready for JSON.

    Returns
    -------
    dict
        shape; sums over all but the first axis; peak, the largest absolute value; samples, pairs of flat index and
        value: the place of the peak, some places anywhere, some where there is more than a hundredth of the peak;
        blocks, sums of runs of neighboring values, each with a sign that looks random.
    """
    values = np.asarray(array, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} values are not finite; give finite ones")
    size = np.abs(values).ravel()
    return {
        "shape": list(values.shape),
        "peak": _round(size.max()),
        "sums": [_round(_) for _ in _sums(values)],
        "samples": [[int(_), _round(values.flat[_])] for _ in _places(size)],
        "blocks": [_round(_) for _ in _blocks(values)],
    }


def check_numbers(found, expected, tolerance, peak=None) -> None:
    """Raise AssertionError where an array is not the one of which the numbers are.

    Parameters
    ----------
    found : array
    expected : dict
        What `numbers_of` gave.
    tolerance : float
        Error of one value, in units of the peak. It counts once for sums of values that err together, and with the
        root of their number where they err by themselves. 0 for arrays that must be the same.
    peak : float, optional
        Another unit of the tolerance.
    """
    values = np.asarray(found, dtype=float)
    assert values.shape == tuple(expected["shape"]), f"shape is {values.shape}, expected {expected['shape']}"
    unit = tolerance * (expected["peak"] if peak is None else peak)
    places, samples = (np.array(_) for _ in zip(*expected["samples"], strict=True))
    sums, blocks = np.array(expected["sums"]), np.array(expected["blocks"])
    _check("values at samples", values.ravel()[places.astype(int)], samples, unit)
    _check("peak", np.abs(values).max(), expected["peak"], unit)
    allowed = np.sqrt(values[:1].size) * unit + tolerance * np.abs(sums)
    _check("sums over all but the first axis", _sums(values), sums, allowed)
    _check("signed sums of blocks", _blocks(values), blocks, np.sqrt(_block_size(values.size)) * unit)


def _sums(values):
    return values.reshape(len(values), -1).sum(axis=1)


def _blocks(values):
    size = _block_size(values.size)
    return np.add.reduceat(values.ravel() * _signs(values.size), np.arange(0, values.size, size))


def _block_size(n):
    return max(BLOCK_MIN, -(-n // N_BLOCKS_MAX))


def _signs(n):
    """+1 or -1 for each flat index, from its scrambled bits: the same with every version of numpy."""
    bits = np.arange(1, n + 1, dtype=np.uint32) * np.uint32(0x9E3779B1)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x85EBCA77)
    return 1.0 - 2.0 * ((bits >> np.uint32(16)) & np.uint32(1))


def _places(size):
    """Flat indices of samples, each once."""
    choice = np.random.default_rng(size.size)
    anywhere = choice.choice(size.size, min(size.size, N_SAMPLES // 2), replace=False)
    bright = np.flatnonzero(size > 0.01 * size.max())
    if len(bright) > N_SAMPLES // 2:
        bright = choice.choice(bright, N_SAMPLES // 2, replace=False)
    return np.unique([size.argmax(), *anywhere, *bright])


def _round(value):
    return float(f"{value:.{DIGITS}g}")


def _check(what, found, expected, allowed):
    rounding = 10.0 ** (1 - DIGITS) * np.abs(expected)
    away = np.abs(np.asarray(found) - expected)
    excess = np.atleast_1d(away - np.maximum(allowed, rounding))
    if (excess <= 0).all():
        return
    worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
    mine, its, limit = (
        float(np.broadcast_to(_, excess.shape).flat[worst]) for _ in (np.atleast_1d(found), expected, allowed)
    )
    n_bad = np.count_nonzero(~(excess <= 0))
    raise AssertionError(
        f"{what}: {n_bad} of {excess.size} differ; the worst, number {worst}, is {mine!r}, expected {its!r} "
        f"within {limit:.3g}"
    )
