"""The head of the page: title, headline numbers, warnings."""

import math
from collections.abc import Iterator

from gammapy_hli.engine.products.fit_result import FitResult, FittedParameter
from gammapy_hli.report.blocks import Tile
from gammapy_hli.report.material import FitMaterial, Material
from gammapy_hli.report.number_text import counted, fixed, listed, measured, plain, probability, unit_text, whole

FEW_OFF = 10
LOW_P_VALUE = 0.01
WEAK = 5.0
MOST_PARAMETERS = 4


def title(material: Material) -> str:
    """Names of the sources, or what there is."""
    names = list(dict.fromkeys(name for fit in material.fits for name in fit.result.models.names))
    names = names or list(dict.fromkeys(name for models in material.models.values() for name in models.names))
    return f"Spectrum of {listed(names, 3)}" if names else "Gamma-ray spectrum"


def lead(material: Material) -> str:
    """One sentence: how many runs, of which instrument, with what background."""
    datasets = material.datasets
    if not datasets:
        runs = sum(len(observations) for observations in material.observations.values())
        return f"{counted(runs, 'run')} selected; nothing is reduced yet." if runs else "Nothing is reduced yet."
    telescopes = {str(name) for dataset in datasets for name in dataset.meta.get("TELESCOP", ())} - {"Unknown", ""}
    totals = material.totals() or {}
    kinds = {dataset.statistic for dataset in datasets}
    background = {
        frozenset({"wstat"}): "background measured in off regions",
        frozenset({"cash"}): "background taken from the response files",
    }.get(frozenset(kinds), "background measured in off regions or taken from the response files")
    if kinds == {"cash"} and all(dataset.background is None for dataset in datasets):
        background = "no background subtracted"
    of = f" of {' and '.join(sorted(telescopes))}" if telescopes else ""
    hours = totals.get("livetime_s", 0.0) / 3600
    return f"{counted(len(datasets), 'run')}{of}, {plain(hours)} h of livetime, {background}."


def tiles(material: Material) -> list[Tile]:
    """Headline numbers: detection, then the fit."""
    found: list[Tile] = []
    totals = material.totals()
    if totals:
        if math.isfinite(totals["sqrt_ts"]):
            found.append(Tile("significance", fixed(totals["sqrt_ts"], 1), "σ"))
        found.append(Tile("excess", measured(totals["excess"], excess_error(totals)), "counts"))
        found.append(Tile("livetime", plain(totals["livetime_s"] / 3600), "h"))
        n_runs, n_dropped = len(material.datasets), sum(len(r.dropped) for r in material.reductions.values())
        found.append(Tile("runs used", f"{n_runs} of {n_runs + n_dropped}"))
    fit = material.main_fit
    if fit is not None:
        found += _fit_tiles(fit.result)
    return found


def excess_error(totals: dict[str, float]) -> float:
    """sqrt(n_on + alpha² n_off) with the mean alpha; sqrt(n_on) where the background is known."""
    off = totals["background"] ** 2 / totals["n_off"] if totals["n_off"] > 0 else 0.0
    return math.sqrt(totals["n_on"] + off)


def _fit_tiles(result: FitResult) -> Iterator[Tile]:
    if not result.success:
        yield Tile("fit", result.status)
        return
    free = [parameter for parameter in result.parameters if not parameter.frozen and parameter.link is None]
    several = len({parameter.name.split(".")[0] for parameter in free}) > 1
    for parameter in free[:MOST_PARAMETERS]:
        label = parameter_label(parameter.name, with_source=several)
        yield Tile(label, measured(parameter.value, parameter.error), unit_text(parameter.unit))


def parameter_label(name: str, with_source: bool) -> str:
    """``crab.spectral.lambda_`` as it is shown: ``lambda``, or ``crab lambda``."""
    source, _, rest = name.partition(".")
    component, _, own = rest.partition(".")
    if component != "spectral":
        own = rest
    return f"{source} {own.rstrip('_')}" if with_source else own.rstrip("_")


def warnings(material: Material) -> list[str]:
    """All that a reader must know before using the numbers."""
    return [*_run_warnings(material), *_count_warnings(material), *_fit_warnings(material), *_point_warnings(material)]


def _run_warnings(material: Material) -> Iterator[str]:
    for reduction in material.reductions.values():
        dropped = reduction.dropped
        for name, reason in list(dropped.items())[:5]:
            yield f"Run {name} is not used: {reason}."
        if len(dropped) > 5:
            yield f"{len(dropped) - 5} more runs are not used; the table of runs says why."
    if material.observations and not material.reductions:
        yield "No reduced data: the report shows the selection only."


def _count_warnings(material: Material) -> Iterator[str]:
    for reduction in material.reductions.values():
        totals = reduction.totals()
        datasets = list(reduction.datasets)
        if datasets and all(dataset.statistic == "wstat" for dataset in datasets) and totals["n_off"] < FEW_OFF:
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
        if result.goodness.p_value < LOW_P_VALUE:
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
