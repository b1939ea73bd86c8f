"""On and off regions on the sky, the theta-squared distribution, and the growth of the excess."""

from collections.abc import Iterator, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli.base.counted import counted
from gammapy_hli.base.errors import HliError
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.estimate.cumulative import estimate_cumulative
from gammapy_hli.engine.estimate.theta2 import estimate_theta2, mirrored
from gammapy_hli.engine.geom.region import region_center
from gammapy_hli.engine.geom.sphere import from_unit_vectors, icrs_radians, to_sky_offset, to_unit_vectors
from gammapy_hli.engine.reduce.meta import OFF_FROM
from gammapy_hli.plot.cumulative import plot_cumulative
from gammapy_hli.plot.sky import plot_sky
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.plot.theta2 import plot_theta2
from gammapy_hli.report.blocks import FigureBlock, Figures, Section
from gammapy_hli.report.material import Material
from gammapy_hli.report.number_text import fixed, listed, plain

THETA2_BINS = 25
THETA2_REACH = 4.0
"""Reach of the theta-squared histogram in units of the squared radius of the on region."""
LEAST_REACH = 0.1 * u.deg**2
POINT_RADIUS = 0.05  # deg


def sky_section(material: Material) -> Section | None:
    """Where the counts come from, one row of figures a reduction."""
    figures: list[FigureBlock] = []
    for step, reduction in material.reductions.items():
        datasets = [dataset for dataset in reduction.datasets if isinstance(dataset, SpectrumDataset)]
        for number, alike in enumerate(_by_region(datasets)):
            figures += _figures(material, step, alike, f"{step}-{number}" if number else step)
    return Section("sky", "Detection", [Figures(figures)]) if figures else None


def _by_region(datasets: Sequence[SpectrumDataset]) -> list[list[SpectrumDataset]]:
    """Datasets with the same center of the on region; those without a region apart."""
    groups: dict[Any, list[SpectrumDataset]] = {}
    for dataset in datasets:
        key = None
        if dataset.region is not None:
            key = tuple(np.round(np.degrees(icrs_radians(region_center(dataset.region))), 6).tolist())
        groups.setdefault(key, []).append(dataset)
    return list(groups.values())


def _figures(material: Material, step: str, datasets: list[SpectrumDataset], name: str) -> Iterator[FigureBlock]:
    if datasets[0].region is not None:
        yield _sketch(material, step, datasets, name)
        theta2 = _theta2(material, step, datasets, name)
        if theta2 is not None:
            yield theta2
    for statistic in dict.fromkeys(dataset.statistic for dataset in datasets):
        same = [dataset for dataset in datasets if dataset.statistic == statistic]
        yield _growth(same, f"{name}-{statistic}")


# -- sketch of the sky ---------------------------------------------------------------------------------------------


def _sketch(material: Material, step: str, datasets: list[SpectrumDataset], name: str) -> FigureBlock:
    center = region_center(datasets[0].region)
    runs = [
        {
            "name": dataset.name,
            "pointings": _offsets(_pointings(dataset), center),
            "off": _off_circles(dataset, center),
        }
        for dataset in datasets
    ]
    on = (0.0, 0.0, _drawn_radius(datasets[0].region))
    exclusion = material.exclusion[step](center) if step in material.exclusion else None
    excluded = None
    if exclusion is not None:

        def excluded(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return ~exclusion.is_allowed(*_from_offsets(x, y, center))

    figure = plot_sky(on, runs, (center.ra.deg, center.dec.deg), excluded)
    points = "" if _radius(datasets[0].region) else "; points are drawn as small circles"
    n_off = [len(run["off"]) for run in runs]
    if max(n_off) == 0:
        elsewhere = " in these fields" if any(OFF_FROM in dataset.meta for dataset in datasets) else ""
        words = f"On region and pointing positions; there are no off regions{elsewhere}"
    elif min(n_off) == max(n_off):
        words = f"On region, {counted(n_off[0], 'off region')} a run, and pointing positions"
    else:
        words = f"On region, {min(n_off)} to {max(n_off)} off regions a run, and pointing positions"
    grey = "; excluded sky, where it is in sight, in gray" if exclusion is not None else ""
    return FigureBlock(figure_svg(figure, f"sky-{name}"), f"{words}{grey}{points}.", shape="tall")


def _pointings(dataset: SpectrumDataset) -> SkyCoord | None:
    ra, dec = (np.asarray(dataset.meta.get(key, ()), dtype=float) for key in ("RA_PNT", "DEC_PNT"))
    return SkyCoord(ra, dec, unit="deg") if len(ra) == len(dec) > 0 else None


def _offsets(positions: SkyCoord | None, center: SkyCoord) -> np.ndarray:
    """Offsets (n, 2) [deg] from the center."""
    if positions is None:
        return np.zeros((0, 2))
    icrs = positions.icrs
    dlon, dlat = to_sky_offset(np.atleast_1d(icrs.ra.rad), np.atleast_1d(icrs.dec.rad), *icrs_radians(center))
    return np.degrees(np.stack([dlon, dlat], axis=1))


def _from_offsets(x: np.ndarray, y: np.ndarray, center: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
    """icrs directions [rad] of offsets [deg]; the inverse of `_offsets`."""
    lon0, lat0 = icrs_radians(center)
    vectors = to_unit_vectors(np.radians(x), np.radians(y))
    sin0, cos0 = np.sin(lat0), np.cos(lat0)
    along, east, up = vectors
    lon, lat = from_unit_vectors(np.stack([cos0 * along - sin0 * up, east, sin0 * along + cos0 * up]))
    return lon + lon0, lat


def _off_circles(dataset: SpectrumDataset, center: SkyCoord) -> np.ndarray:
    """Off regions as offsets and radius (n, 3) [deg]; other shapes as circles of their size."""
    regions = getattr(dataset, "regions_off", ())
    if not len(regions):
        return np.zeros((0, 3))
    offsets = _offsets(_centers(regions), center)
    radius = np.full(len(offsets), _drawn_radius(dataset.region))
    return np.column_stack([offsets, radius])


def _centers(regions: Any) -> SkyCoord:
    if isinstance(regions, RegionSet):
        return regions.centers().icrs
    centers = [region_center(region) for region in regions]
    return SkyCoord([c.ra.deg for c in centers], [c.dec.deg for c in centers], unit="deg")


def _drawn_radius(region: Any) -> float:
    """Radius of the circle in the sketch [deg]; points, whose cut depends on energy, get a small one."""
    return _radius(region) or POINT_RADIUS


def _radius(region: Any) -> float:
    """Radius of a circle [deg]; of other shapes half of the larger extent."""
    for name in ("radius", "outer_radius"):
        if hasattr(region, name):
            return float(getattr(region, name).to_value("deg"))
    sizes = [getattr(region, name).to_value("deg") for name in ("width", "height") if hasattr(region, name)]
    if sizes:
        return float(max(sizes)) / 2
    if hasattr(region, "vertices"):
        return float(region.vertices.icrs.separation(region_center(region)).deg.max())
    return 0.0


# -- theta squared -------------------------------------------------------------------------------------------------


def _theta2(material: Material, step: str, datasets: list[SpectrumDataset], name: str) -> FigureBlock | None:
    """Events around the source and around the off positions; None where the events cannot be read again."""
    observations = material.observations_of(step)
    if observations is None:
        return None
    position = region_center(datasets[0].region)
    cut = _radius(datasets[0].region) ** 2
    reach = max(THETA2_REACH * cut, LEAST_REACH.value) if cut else LEAST_REACH.value
    edges = np.linspace(0.0, reach, THETA2_BINS + 1) * u.deg**2
    thresholds = [d.energy_threshold.to_value("TeV") for d in datasets if d.mask_safe.any()]
    low = min(thresholds, default=float(datasets[0].energy.edges_value("TeV")[0])) * u.TeV
    high = max(float(dataset.energy.edges_value("TeV")[-1]) for dataset in datasets) * u.TeV
    try:
        runs = [
            (observation, _off_positions(dataset, observation, position))
            for dataset, observation in _observed(datasets, observations)
        ]
        found = estimate_theta2(runs, position, edges, (low, high))
    except (HliError, KeyError, OSError):
        return None
    if not runs:
        return None
    shape = cut if type(datasets[0].region).__name__.startswith("Circle") else None
    figure = plot_theta2(edges.value, found.on, found.off, found.off_error, shape)
    has_off = any(len(getattr(dataset, "regions_off", ())) for dataset in datasets)
    where = (
        "the off regions that lie far enough from it" if has_off else "the position on the other side of each pointing"
    )
    text = f"Events above {plain(low.value)} TeV around the target and around {where}, normalized."
    return FigureBlock(figure_svg(figure, f"theta2-{name}"), text)


def _observed(datasets: Sequence[SpectrumDataset], observations: Any) -> Iterator[tuple[SpectrumDataset, Any]]:
    known = {str(obs_id) for obs_id in observations.ids}
    for dataset in datasets:
        for obs_id in dataset.obs_ids:
            if str(obs_id) in known:
                yield dataset, observations[obs_id]


def _off_positions(dataset: SpectrumDataset, observation: Any, position: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
    regions = getattr(dataset, "regions_off", ())
    if len(regions):
        centers = _centers(regions)
        return np.asarray(centers.ra.rad), np.asarray(centers.dec.rad)
    return mirrored(position, observation.pointing)


# -- growth --------------------------------------------------------------------------------------------------------


def _growth(datasets: list[SpectrumDataset], name: str) -> FigureBlock:
    grown = estimate_cumulative(datasets)
    figure = plot_cumulative(grown.livetime.to_value("h"), grown.excess, grown.excess_error, grown.sqrt_ts)
    last = f", to {fixed(float(grown.sqrt_ts[-1]), 1)} σ" if np.isfinite(grown.sqrt_ts[-1]) else ""
    names = listed([dataset.name for dataset in datasets], 4)
    text = f"Excess and significance run after run{last} (runs {names}); dotted: a source that is steady."
    return FigureBlock(figure_svg(figure, f"growth-{name}"), text)
