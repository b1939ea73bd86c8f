"""The head of the page: title, headline numbers, warnings."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.base.leap_seconds import future_allowed
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.products.fit_result import FitResult, FittedParameter
from gammapy_hli.report.blocks import Tile
from gammapy_hli.report.material import FitMaterial, Material, is_part
from gammapy_hli.report.number_text import fixed, listed, measured, plain, probability, unit_text, whole

FEW_OFF = 10
LOW_P_VALUE = 0.01
WEAK = 5.0
MOST_PARAMETERS = 4
MOST_NUISANCES = 2


def title(material: Material) -> str:
    """Names of the sources, or what there is."""
    names = list(dict.fromkeys(name for fit in material.fits for name in _sources(fit.result.models)))
    names = names or list(dict.fromkeys(name for models in material.models.values() for name in _sources(models)))
    what = "Spectrum"
    if material.has_maps:
        what = "Sky map and spectrum" if material.fits or material.has_spectra else "Sky map"
    if material.light_curves:
        what = what.replace(" and", ",") + " and light curve"
    if names:
        return f"{what} of {listed(names, 3)}"
    return f"{what} around {_place(material)}" if material.map_views else f"Gamma-ray {what.lower()}"


def _sources(models: Models) -> list[str]:
    return [model.name for model in models if isinstance(model, SkyModel)]


def _place(material: Material) -> str:
    """The middle of the first map."""
    geometry = material.map_views[0].geometry
    lon, lat = geometry.center.spherical.lon.deg, geometry.center.spherical.lat.deg
    names = ("l", "b") if geometry.frame == "galactic" else ("RA", "Dec")
    return f"{names[0]} {fixed(float(lon), 2)}°, {names[1]} {fixed(float(lat), 2)}°"


def kind(material: Material) -> str:
    """What sort of analysis it is."""
    if not material.has_maps:
        return "Spectral analysis"
    if material.has_spectra:
        return "Analysis of maps and spectra"
    is_image = bool(material.map_views) and all(view.is_image for view in material.map_views)
    return "Image analysis" if is_image else "Map analysis"


def lead(material: Material) -> str:
    """One sentence: how many runs, of which instrument, with what background."""
    datasets = material.datasets
    if not datasets:
        selected = _selected(material)
        return f"{selected} selected; nothing is reduced yet." if selected else "Nothing is reduced yet."
    telescopes = {str(name) for dataset in datasets for name in dataset.meta.get("TELESCOP", ())} - {"Unknown", ""}
    totals = material.totals() or {}
    kinds = {dataset.statistic for dataset in datasets}
    if material.has_maps and not material.has_spectra:
        background = _map_background(material, kinds)
        runs_text, hours = _runs_text(material, telescopes), totals.get("livetime_s", 0.0) / 3600
        return f"{runs_text}{dates(datasets)}, {plain(hours)} h of livetime, {background}."
    background = {
        frozenset({"wstat"}): "background measured in off regions",
        frozenset({"cash"}): "background taken from the response files",
    }.get(frozenset(kinds), "background measured in off regions or taken from the response files")
    places = {str(text).split(" ")[0] for dataset in datasets for text in dataset.meta.get("OFF_FROM", ())}
    if places == {"phase"} or places == {"runs"}:
        background = f"background measured in {'other phases' if places == {'phase'} else 'off runs'}"
    if kinds == {"cash"} and all(dataset.background is None for dataset in datasets):
        background = "no background subtracted"
    hours = totals.get("livetime_s", 0.0) / 3600
    return f"{_runs_text(material, telescopes)}{dates(datasets)}, {plain(hours)} h of livetime, {background}."


def dates(datasets: Iterable[Any]) -> str:
    """From the day of the first observation to that of the last, in UTC; nothing where times are not known."""
    times = [dataset.gti for dataset in datasets if dataset.gti is not None and len(dataset.gti)]
    if not times:
        return ""
    with future_allowed():
        first, last = min(gti.tstart for gti in times).utc.iso[:10], max(gti.tstop for gti in times).utc.iso[:10]
    return f", {first}" if first == last else f", {first} to {last}"


def _selected(material: Material) -> str:
    """How many runs are selected, and into how many parts they are cut; nothing where there are none."""
    runs = sum(len(observations.ids) for observations in material.observations.values())
    parts = sum(len(observations.parts) for observations in material.observations.values())
    cut = f" in {counted(parts, 'part')}" if parts else ""
    return f"{counted(runs, 'run')}{cut}" if runs else ""


def _runs_text(material: Material, telescopes: set[str]) -> str:
    """How many runs of which telescopes, and in how many parts where intervals cut them."""
    of = f" of {' and '.join(sorted(telescopes))}" if telescopes else ""
    parts = f" in {counted(material.n_parts, 'part')}" if material.n_parts else ""
    return f"{counted(material.n_runs, 'run')}{of}{parts}"


def _map_background(material: Material, kinds: set[str]) -> str:
    """Where the background of maps comes from."""
    if kinds == {"wstat"}:
        return "background measured in a ring around every pixel"
    if all(dataset.background is None for dataset in material.datasets):
        return "no background subtracted"
    norms = [np.asarray(reduction.info["background_norm"], dtype=float) for reduction in material.reductions.values()]
    if any(np.isfinite(norm).any() for norm in norms):
        return "background of the response files scaled to each field of view"
    return "background taken from the response files"


def tiles(material: Material) -> list[Tile]:
    """Headline numbers: detection, then the fit."""
    found: list[Tile] = []
    totals = material.totals()
    if totals and material.has_maps and not material.has_spectra:
        found += _map_tiles(material, totals)
    elif totals:
        if math.isfinite(totals["sqrt_ts"]):
            found.append(Tile("significance", fixed(totals["sqrt_ts"], 1), "σ"))
        found.append(Tile("excess", measured(totals["excess"], excess_error(totals)), "counts"))
        found.append(Tile("livetime", plain(totals["livetime_s"] / 3600), "h"))
        found.append(_runs_tile(material))
    fit = material.main_fit
    if fit is not None:
        found += _fit_tiles(fit.result)
    return found


def _map_tiles(material: Material, totals: dict[str, float]) -> Iterator[Tile]:
    """The peak of the significance, the excess around the first target, livetime and runs."""
    peak = peak_significance(material)
    if peak is not None:
        yield Tile("peak significance", fixed(peak, 1), "σ")
    view = material.map_views[0]
    if view.targets and view.has_background:
        target, region = view.targets[0], view.around(view.targets[0])
        counts, background = (float(values[:, region].sum()) for values in (view.counts, view.background))
        label = f"excess within {target.radius:g}° of {target.words if target.is_source else 'the peak'}"
        yield Tile(label, measured(counts - background, math.sqrt(max(counts, 1.0))), "counts")
    yield Tile("livetime", plain(totals["livetime_s"] / 3600), "h")
    yield _runs_tile(material)


def _runs_tile(material: Material) -> Tile:
    parts = f"in {counted(material.n_parts, 'part')}" if material.n_parts else ""
    return Tile("runs used", f"{material.n_runs} of {material.n_runs + material.n_dropped}", parts)


def peak_significance(material: Material) -> float | None:
    """The highest value of the maps of significance; None where there are none."""
    layers = [each for view in material.map_views for each in view.layers] + list(material.layers_of(None))
    images = [image for each in layers if (image := each.image("significance")) is not None]
    peaks = [float(np.nanmax(image)) for image in images if np.isfinite(image).any()]
    return max(peaks, default=None)


def excess_error(totals: dict[str, float]) -> float:
    """sqrt(n_on + alpha² n_off) with the mean alpha; sqrt(n_on) where the background is known."""
    off = totals["background"] ** 2 / totals["n_off"] if totals["n_off"] > 0 else 0.0
    return math.sqrt(totals["n_on"] + off)


def _fit_tiles(result: FitResult) -> Iterator[Tile]:
    if not result.success:
        yield Tile("fit", result.status)
        return
    free = [parameter for parameter in result.parameters if not parameter.frozen and parameter.link is None]
    sources = set(_sources(result.models))
    free = [parameter for parameter in free if parameter.name.split(".")[0] in sources] or free
    several = len({parameter.name.split(".")[0] for parameter in free}) > 1
    for parameter in free[:MOST_PARAMETERS]:
        label = parameter_label(parameter.name, with_source=several)
        yield Tile(label, measured(parameter.value, parameter.error), unit_text(parameter.unit))
    of_instruments = [
        (each.name, name.removeprefix(f"{each.name}."), found)
        for each in result.nuisances
        for name, found in each.named_parameters()
        if not found.frozen
    ]
    for instrument, kind, nuisance in of_instruments[:MOST_NUISANCES]:
        yield Tile(f"{instrument}, {kind.replace('_', ' ')}", measured(nuisance.value, nuisance.error))


def parameter_label(name: str, with_source: bool) -> str:
    """``crab.spectral.lambda_`` as it is shown: ``lambda``, or ``crab lambda``."""
    source, _, rest = name.partition(".")
    component, _, own = rest.partition(".")
    if component not in ("spectral", "spatial"):
        own = rest
    return f"{source} {own.rstrip('_')}" if with_source else own.rstrip("_")


def warnings(material: Material) -> list[str]:
    """All that a reader must know before using the numbers."""
    peak = peak_significance(material)
    weak = [] if peak is None or peak >= WEAK else [_weak_text(peak)]
    of_data = [*_run_warnings(material), *_count_warnings(material), *weak]
    return [*of_data, *_fit_warnings(material), *_point_warnings(material)]


def _weak_text(peak: float) -> str:
    text = f"The highest significance of the maps is {fixed(peak, 1)} σ: below {WEAK:g} σ nothing is detected by "
    return f"{text}convention, and a map has many places to look at."


def _run_warnings(material: Material) -> Iterator[str]:
    for reduction in material.reductions.values():
        dropped = reduction.dropped
        for name, reason in list(dropped.items())[:5]:
            yield f"{'Part' if is_part(name) else 'Run'} {name} is not used: {reason}."
        if len(dropped) > 5:
            what = "parts" if any(map(is_part, dropped)) else "runs"
            yield f"{len(dropped) - 5} more {what} are not used; the table of runs says why."
    if material.observations and not material.reductions:
        yield "No reduced data: the report shows the selection only."


def _count_warnings(material: Material) -> Iterator[str]:
    for reduction in material.reductions.values():
        totals = reduction.totals()
        datasets = [dataset for dataset in reduction.datasets if isinstance(dataset, SpectrumDataset)]
        if not datasets:
            continue
        if all(dataset.statistic == "wstat" for dataset in datasets) and totals["n_off"] < FEW_OFF:
            yield (
                f"Only {whole(totals['n_off'])} off counts in all: the background is poorly known and the W statistic "
                "is biased."
            )
        if math.isfinite(totals["sqrt_ts"]) and totals["sqrt_ts"] < WEAK:
            yield f"The excess is {fixed(totals['sqrt_ts'], 1)} σ: below {WEAK:g} σ nothing is detected by convention."
        empty = [dataset.name for dataset in datasets if not dataset.mask_safe.any()]
        if empty:
            yield f"No energy bin is safe in {counted(len(empty), 'dataset')} ({listed(empty)}): they add nothing."


def _fit_warnings(material: Material) -> Iterator[str]:
    for fit in material.fits:
        result = fit.result
        if not result.success:
            yield f"{_capital(fit.title)}: the values cannot be used ({result.status}). {result.message}"
            continue
        for parameter in result.parameters:
            if at_limit(parameter):
                yield (
                    f"{_capital(fit.title)}: {parameter.name} stopped at its limit "
                    f"{measured(parameter.value, None)} {unit_text(parameter.unit)}".rstrip()
                    + "; it has no error, and the other errors hold it fixed."
                )
        if result.goodness.p_value < LOW_P_VALUE and not fit.has_maps:
            yield (
                f"{_capital(fit.title)}: the model describes the data poorly (p = "
                f"{probability(result.goodness.p_value)}). {result.goodness.warning}"
            ).rstrip()


def _point_warnings(material: Material) -> Iterator[str]:
    for points in material.flux_points.values():
        if not points.success.any():
            yield f"No flux point of {points.source} could be computed."


def at_limit(parameter: FittedParameter) -> bool:
    """Whether a free parameter stands on one of its bounds."""
    bounds = [bound for bound in (parameter.min, parameter.max) if bound is not None]
    return not parameter.frozen and any(
        math.isclose(parameter.value, bound, rel_tol=1e-9, abs_tol=1e-300) for bound in bounds
    )


def capital(fit: FitMaterial) -> str:
    """Title of a fit at the start of a sentence."""
    return _capital(fit.title)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
