"""Makes the terms of map datasets in a likelihood: used bins, sources, background models, limits of positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.fit.map_shape import SHARP
from gammapy_hli.engine.fit.map_term import MapBackground, MapSource, MapTerm
from gammapy_hli.engine.fit.map_view import FreeParameters
from gammapy_hli.engine.fit.parameters import ParameterMap
from gammapy_hli.engine.geom.sphere import from_icrs, to_icrs
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.predict.calibration import compile_spectrum
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_background import BackgroundFactor, template_counts
from gammapy_hli.engine.predict.map_response import MARGIN

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EvaluatorCache = dict[tuple[str, int], tuple[bytes, MapEvaluator]]
"""Sources whose responses were looked up, by name and number of the dataset, with the values they were looked up at."""

HALF_TURN = 180.0
"""Of a position angle [deg]."""
NEAR_POLE = 85.0
"""Beyond this latitude [deg] longitudes have no limits."""


def used_map_bins(dataset: MapDataset, energy_range: tuple[u.Quantity | None, u.Quantity | None] | None) -> Mask:
    """Bins of a map that are safe, inside its fit mask and inside the range of energy, (ne, ny, nx).

    A dataset without counts, or on-off without off counts, has no usable bin.
    """
    if dataset.counts is None or (dataset.statistic == "wstat" and getattr(dataset, "counts_off", None) is None):
        return np.zeros(dataset.shape, dtype=bool)
    used = np.array(dataset.mask)
    if energy_range is not None:
        used &= dataset.energy.bins_inside(energy_range)[:, np.newaxis, np.newaxis]
    return used


def is_background(model: Any) -> bool:
    """Whether a model is a background of maps."""
    return isinstance(model, FoVBackgroundModel | TemplateNPredModel)


def map_numbers(datasets: Sequence[Any]) -> tuple[int, ...]:
    """Places of the map datasets."""
    return tuple(number for number, dataset in enumerate(datasets) if isinstance(dataset, MapDataset))


def background_datasets(model: Any, datasets: Sequence[Any]) -> tuple[int, ...]:
    """Numbers of the map datasets with known background that a background model is for.

    Raises
    ------
    InputError
        There are map datasets, and the model is for one that is not there.
    """
    numbers = map_numbers(datasets)
    if not numbers:
        return ()
    names = [dataset.name for dataset in datasets]
    wanted = model.datasets_names
    if wanted and not set(wanted) & set(names):
        raise InputError(
            f"background model {model.name!r} is for dataset {wanted[0]!r}, which is not there."
            f"{did_you_mean(wanted[0], names)} The datasets are {', '.join(names)}."
        )
    return tuple(k for k in numbers if datasets[k].statistic == "cash" and (not wanted or names[k] in wanted))


def make_map_terms(
    datasets: Sequence[Any],
    models: Sequence[Any],
    masks: Sequence[Mask],
    seen: Mapping[str, Sequence[int]],
    parameters: ParameterMap,
    nuisances: Sequence[Nuisance | None],
    cache: EvaluatorCache,
) -> tuple[MapTerm, ...]:
    """The terms of all map datasets.

    Parameters
    ----------
    datasets, masks : sequences
        Of all kinds; masks of maps are (ne, ny, nx).
    models : sequence
        Sources and background models.
    seen : mapping
        For each model the numbers of the datasets in which it counts.
    parameters : ParameterMap
    nuisances : sequence of Nuisance or None
        Of each dataset.
    cache : dict
        Evaluators of sources that have not moved are taken from here; new ones are put here.

    Raises
    ------
    InputError
        A source with free parameters reaches none of its datasets, or has no spatial model.
    """
    spectra: dict[tuple[str, bytes, int], Any] = {}
    terms = []
    for number in map_numbers(datasets):
        dataset, mask, nuisance = datasets[number], masks[number], nuisances[number]
        more = () if nuisance is None else nuisance.parameters
        here = [model for model in models if number in seen[model.name]]
        sources = []
        for model in here if mask.any() else ():
            if is_background(model):
                continue
            evaluator = _evaluator(model, dataset, number, cache)
            if not evaluator.is_inside:
                continue
            key = (model.name, evaluator.edges.tobytes(), id(nuisance))
            spectrum = spectra.get(key) or compile_spectrum(model.spectral, evaluator.edges, nuisance)
            spectra[key] = spectrum
            spatial = model.spatial.parameters
            sources.append(
                MapSource(
                    name=model.name,
                    evaluator=evaluator,
                    spectrum=spectrum,
                    spectral=free_parameters([*model.spectral.parameters, *more], parameters),
                    spatial=free_parameters(spatial, parameters),
                    spatial_bounds=_bounds(spatial),
                )
            )
        backgrounds = _backgrounds(dataset, here, parameters)
        terms.append(MapTerm(number, dataset, mask, tuple(sources), backgrounds))
    _require_reach(terms, datasets, models, masks, seen)
    return tuple(terms)


def free_parameters(own: Iterable[Any], parameters: ParameterMap) -> FreeParameters:
    """Where the parameters of a model component stand, and which of them are free."""
    places = np.array([parameters.place(parameter) for parameter in own], dtype=np.intp)
    rows = np.flatnonzero(np.isin(places, parameters.free))
    return FreeParameters(places, rows, np.searchsorted(parameters.free, places[rows]))


def _bounds(spatial: Iterable[Any]) -> tuple[Array, Array]:
    low = np.array([parameter.min for parameter in spatial], dtype=float)
    high = np.array([parameter.max for parameter in spatial], dtype=float)
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _evaluator(model: Any, dataset: MapDataset, number: int, cache: EvaluatorCache) -> MapEvaluator:
    key = (model.name, number)
    state = b"" if model.spatial is None else model.spatial.values.tobytes()
    kept = cache.get(key)
    if kept is None or kept[0] != state:
        kept = state, MapEvaluator(model, dataset)
        cache[key] = kept
    return kept[1]


def _backgrounds(dataset: MapDataset, models: Sequence[Any], parameters: ParameterMap) -> tuple[MapBackground, ...]:
    """The background of the dataset with its model, and templates."""
    if dataset.statistic != "cash":
        return ()
    found = []
    if dataset.background is not None:
        cube = dataset.background
        cube = cube if np.isfinite(cube).all() else np.nan_to_num(cube, posinf=0.0, neginf=0.0)
        own = next((model for model in models if isinstance(model, FoVBackgroundModel)), None)
        found.append(MapBackground(cube) if own is None else _modelled(cube, own, dataset, parameters))
    for model in models:
        if isinstance(model, TemplateNPredModel):
            found.append(_modelled(template_counts(model, dataset), model, dataset, parameters))
    return tuple(found)


def _modelled(cube: NDArray[np.floating], model: Any, dataset: MapDataset, parameters: ParameterMap) -> MapBackground:
    factor = BackgroundFactor(model, dataset.energy)
    return MapBackground(cube, factor, free_parameters(model.spectral.parameters, parameters))


def _require_reach(
    terms: Sequence[MapTerm],
    datasets: Sequence[Any],
    models: Sequence[Any],
    masks: Sequence[Mask],
    seen: Mapping[str, Sequence[int]],
) -> None:
    """Raise for a source with free parameters that no dataset can see."""
    reached = {source.name for term in terms for source in term.sources}
    maps = set(map_numbers(datasets))
    for model in models:
        numbers = [k for k in seen[model.name] if masks[k].any()]
        if is_background(model) or model.name in reached or not numbers or not maps.issuperset(numbers):
            continue
        if any(not parameter.frozen for _, parameter in model.named_parameters()):
            MapEvaluator(model, datasets[numbers[0]]).require_inside()


def find_kinks(terms: Sequence[MapTerm], n_free: int) -> NDArray[np.bool_]:
    """Free parameters in which a point source or a sharp edge makes kinks, (n_free,)."""
    kinked = np.zeros(n_free, dtype=bool)
    for term in terms:
        for source in term.sources:
            spatial = source.evaluator.model.spatial
            if spatial is not None and (spatial.is_point or spatial.tag in SHARP):
                kinked[source.spatial.free_places] = True
    return kinked


# --- limits of positions --------------------------------------------------------------------------------------------
def limit_positions(
    models: Sequence[Any], terms: Sequence[MapTerm], parameters: ParameterMap
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Bounds of the free parameters with those that the maps set.

    A position stays inside the maps that see the source, and near enough to its start for the responses that were
    looked up there; a fit looks them up again and goes on. A position angle may turn freely where its bounds are those
    of a full turn: they would stop it on the wrong side of north.

    Returns
    -------
    lower, upper : arrays (n_free,)
    is_temporary : bool array (n_free,)
        Positions, which have other limits at another start.
    """
    lower, upper = parameters.lower.copy(), parameters.upper.copy()
    is_temporary = np.zeros(len(lower), dtype=bool)
    for number, place in enumerate(parameters.free):
        own = (lower[number], upper[number]) == (-HALF_TURN, HALF_TURN)  # not those of a prior
        if own and is_full_turn(parameters.parameters[place]):
            start = parameters.values[place]
            lower[number], upper[number] = start - HALF_TURN, start + HALF_TURN
    for model in models:
        evaluators = [s.evaluator for term in terms for s in term.sources if s.name == model.name]
        geometries = [t.dataset.geometry for t in terms for s in t.sources if s.name == model.name]
        spatial = getattr(model, "spatial", None)
        if not evaluators or spatial is None or "lon_0" not in spatial.parameters.names:
            continue
        free = free_parameters(spatial.parameters, parameters)
        start = spatial.values
        inside = _map_limits(spatial, start, geometries)
        reach = MARGIN + (spatial.radius(start) or 0.0)
        for row, place in zip(free.rows, free.free_places, strict=True):
            if row > 1:
                continue
            near = reach / max(math.cos(math.radians(start[1])), 0.01) if row == 0 else reach
            is_temporary[place] = True
            lower[place] = max(lower[place], min(inside[row][0], start[row]), start[row] - near)
            upper[place] = min(upper[place], max(inside[row][1], start[row]), start[row] + near)
    return lower, upper, is_temporary


def is_full_turn(parameter: Parameter) -> bool:
    """Whether a parameter is a position angle that may have any value."""
    return parameter.name == "phi" and parameter.min == -HALF_TURN and parameter.max == HALF_TURN


def _map_limits(spatial: SpatialModel, start: Array, geometries: Sequence[Any]) -> tuple[tuple[float, float], ...]:
    """Longitudes and latitudes [deg] in the frame of the model that the maps cover."""
    lons, lats = [], []
    for geometry in geometries:
        ny, nx = geometry.shape
        x, y = np.arange(nx) * 1.0, np.arange(ny) * 1.0
        border_x = np.concatenate([x, x, np.zeros(ny), np.full(ny, nx - 1.0)])
        border_y = np.concatenate([np.zeros(nx), np.full(nx, ny - 1.0), y, y])
        lon, lat = geometry.to_sky(border_x, border_y)
        if spatial.frame != geometry.frame:
            lon, lat = from_icrs(*to_icrs(lon, lat, geometry.frame), spatial.frame)
        lons.append(np.rad2deg(lon))
        lats.append(np.rad2deg(lat))
    lon, lat = np.concatenate(lons), np.concatenate(lats)
    finite = np.isfinite(lon) & np.isfinite(lat)
    if not finite.any() or np.abs(lat[finite]).max() > NEAR_POLE or not finite.all():
        return (-np.inf, np.inf), (-90.0, 90.0)
    away = (lon - start[0] + 180.0) % 360.0 - 180.0
    if np.ptp(away) > 180.0:  # all around: a pole may be inside, beyond the latitudes of the border
        south, north = (any(_holds_pole(each, spatial.frame, sign) for each in geometries) for sign in (-1.0, 1.0))
        return (-np.inf, np.inf), (-90.0 if south else float(lat.min()), 90.0 if north else float(lat.max()))
    return (start[0] + float(away.min()), start[0] + float(away.max())), (float(lat.min()), float(lat.max()))


def _holds_pole(geometry: Any, frame: str, sign: float) -> bool:
    """Whether the north (1) or south (-1) pole of a frame lies in a map."""
    lon, lat = np.zeros(1), np.full(1, sign * 0.5 * math.pi)
    if frame != geometry.frame:
        lon, lat = from_icrs(*to_icrs(lon, lat, frame), geometry.frame)
    return bool(geometry.contains(lon, lat)[0])
