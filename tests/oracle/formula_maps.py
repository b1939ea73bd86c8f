"""Arrays of map datasets from formulas: the same numbers for gammapy and for us, without data. Needs numpy only.

Steep, uneven and different in each pixel, so that a mistake in an index or a weight shows. Sizes and energies stand
here as plain numbers; who needs axes and geometries makes them of these.
"""

import numpy as np

SMALL = {
    "center": (83.63, 22.01),  # deg, icrs
    "width": (1.2, 1.02),  # deg
    "pixel": 0.03,
    "irf_pixel": 0.3,
    "energy": (1, 10, 4),  # TeV, TeV, bins
    "energy_true": (0.5, 20, 7),
    "rad": (0, 0.6, 61),  # deg, deg, edges
}
WIDE = {
    "center": (83.633, 22.014),
    "width": (4, 3),
    "pixel": 0.1,
    "irf_pixel": 0.25,  # lies on no tie of the other pixels
    "energy": (1, 10, 4),
    "energy_true": (0.8, 12, 4),
    "rad": (0, 0.5, 26),
}
# runs on the wide map: where they point [deg], start and stop [s] after 2004-12-04T22:00:00 (tt), livetime [s]
RUN_WIDTH = 2.2  # deg, of the square cut out around the pointing; two overlap in part, one is trimmed by the map
RUNS = {
    23523: {"pointing": (83.633, 22.514), "times": (537.1, 2224.6), "livetime": 1581.7367584109306},
    23526: {"pointing": (83.633, 21.514), "times": (2741.9, 4424.3), "livetime": 1572.686724805832},
    23559: {"pointing": (85.253, 22.014), "times": (261217.4, 262903.1), "livetime": 1578.1798253677},
}
REFERENCE_TIME = "2004-12-04T22:00:00"


def small_arrays(shape, irf_shape):
    """Arrays of one dataset on the small map, `shape` and `irf_shape` (ny, nx): see `dataset_arrays`."""
    return dataset_arrays(SMALL, shape, irf_shape, seed=1)


def run_arrays(run, shape, irf_shape, is_ring=False):
    """Arrays of one of `RUNS`; of its ring image, one bin of energy, with off counts in place of the background."""
    case = WIDE | {"energy": (1, 10, 1)} if is_ring else WIDE
    arrays = dataset_arrays(case, shape, irf_shape, seed=run % 100)
    if is_ring:
        del arrays["background"]
        arrays |= off_arrays(arrays["counts"].shape, seed=run % 100)
    return arrays


def dataset_arrays(case, shape, irf_shape, seed):
    """All arrays of a dataset with a background.

    Returns
    -------
    dict
        counts, background float32 and mask_safe bool, (ne, ny, nx); exposure float32 (nt, ny, nx) [m2 s]; psf float32
        (nt, nrad, ny, nx) [sr-1], edisp float32 (nt, ne, ny, nx), irf_exposure float32 (nt, ny, nx) on `irf_shape`.
    """
    energy, true = (np.geomspace(low, high, n + 1) for low, high, n in (case["energy"], case["energy_true"]))
    full = (len(energy) - 1, *shape)
    steepness = np.arange(full[0]) + 1.0
    return {
        "counts": np.floor(4 * uneven(full, seed) ** 3 + 0.4 * uneven(full, seed + 1)).astype(np.float32),
        "background": (hill(shape, 0.6) / steepness[:, None, None] ** 2 + 0.1 * uneven(full, seed + 2)).astype("f4"),
        "mask_safe": safe_mask(full),
        "exposure": exposure(true, shape, seed),
        "psf": psf(true, case["rad"], irf_shape, seed),
        "edisp": edisp(true, energy, irf_shape, seed),
        "irf_exposure": exposure(true, irf_shape, seed + 3),
    }


def off_arrays(full, seed):
    """Off counts, one or more, and acceptances, float32 (ne, ny, nx)."""
    counts_off = 1 + np.floor(60 * hill(full[1:], 0.5) * uneven(full, seed + 4) ** 2)
    acceptance_off = 40 * hill(full[1:], 0.8) + 3 * uneven(full, seed + 6)
    return {
        "counts_off": counts_off.astype(np.float32),
        "acceptance": (hill(full[1:], 0.6) + 0.2 * uneven(full, seed + 5)).astype(np.float32),
        "acceptance_off": acceptance_off.astype(np.float32),
    }


def safe_mask(full):
    """Bins inside a circle that grows with energy, without a few holes; the first bin of several is nowhere safe."""
    ne, ny, nx = full
    y, x = np.indices((ny, nx))
    distance = (2 * y - ny + 1) ** 2 + (2 * x - nx + 1) ** 2  # whole numbers: no rounding decides
    limits = max(ny, nx) ** 2 * (np.arange(ne) + 2 - (ne > 1) * 2) // ne
    return (distance <= limits[:, None, None]) & (uneven(full, 9) > 0.02)


def exposure(true, shape, seed):
    center = np.sqrt(true[1:] * true[:-1])[:, None, None]
    uneven_part = 1 + 0.1 * uneven((len(true) - 1, *shape), seed + 4)
    return (2e8 * center**0.7 * hill(shape, 0.7) * uneven_part).astype(np.float32)


def psf(true, rad, shape, seed):
    """A core and a wide tail, broader away from the middle and at low energies; the sum over solid angle is 1."""
    edges = np.linspace(*rad)
    center = (0.5 * (edges[1:] + edges[:-1]))[:, None, None]
    rings = (np.pi * np.deg2rad(edges) ** 2)[1:] - (np.pi * np.deg2rad(edges) ** 2)[:-1]
    energy = np.sqrt(true[1:] * true[:-1])[:, None, None, None]
    width = (0.05 + 0.02 / energy) * (1.4 - 0.4 * hill(shape, 1) + 0.1 * uneven(shape, seed + 5))
    profile = np.exp(-0.5 * (center / width) ** 2) + 0.02 * (1 + (center / width) ** 2 / 6) ** -3.0
    return (profile / (profile * rings[:, None, None]).sum(axis=1, keepdims=True)).astype(np.float32)


def edisp(true, energy, shape, seed):
    """Migrations with a bias and a width of their own in each pixel, continued beyond the counts: rows sum to < 1."""
    center = np.log(np.sqrt(true[1:] * true[:-1]))[:, None, None, None]
    low, high = (np.log(edges)[:, None, None] for edges in (energy[:-1], energy[1:]))
    bias = 0.1 * uneven(shape, seed + 6) - 0.05
    width = 0.15 + 0.1 * uneven(shape, seed + 7)
    upper, lower = (1 / (1 + np.exp(-(edge - center - bias) / width)) for edge in (high, low))
    return (upper - lower).astype(np.float32)


def hill(shape, steepness):
    """A bell with its top, 1, a little beside the middle, float64 (ny, nx)."""
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    return np.exp(-((steepness * 2) ** 2) * ((y[:, None] - 0.45) ** 2 + (x - 0.53) ** 2))


def uneven(shape, seed):
    """Numbers between 0 and 1 that look random, float64: multiples of 2**-16, the same with every version of numpy."""
    bits = (np.arange(np.prod(shape), dtype=np.uint32) + np.uint32(1000003 * seed)) * np.uint32(0x9E3779B1)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x85EBCA77)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE3D)
    return (bits >> np.uint32(16)).reshape(shape) / 65536
