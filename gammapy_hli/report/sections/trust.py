"""How far to trust the result: checks made on the data and the fits themselves."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.estimate.pulls import estimate_pulls
from gammapy_hli.engine.fit.goodness import chi2_probability
from gammapy_hli.engine.products.fit_result import FitResult
from gammapy_hli.engine.reduce.meta import off_runs_of
from gammapy_hli.report.blocks import Check, Checks, Section, Text
from gammapy_hli.report.material import Material, is_part
from gammapy_hli.report.number_text import fixed, plain, probability, whole
from gammapy_hli.report.sections.instruments import nuisance_pull
from gammapy_hli.report.sections.map_trust import map_checks
from gammapy_hli.report.sections.overview import LOW_P_VALUE, capital

MANY_OFF = 30
SAFE_FRACTION = 0.5
AGREE, DISAGREE = 1.0, 2.0
FAR_OFF = 2.0
TITLE = "How far to trust this"
GOOD, NOTE, BAD = "good", "note", "bad"

VALIDATION = (
    "The engine behind these numbers is tested against closed forms, against recorded results of gammapy 2.1 on the "
    "same data, and against simulations with known truth; what agrees how well, and where definitions differ, stands "
    "in the documentation under Explanation, “How the numbers are checked”."
)


def trust_section(material: Material) -> Section | None:
    """Checks as data: each with its number."""
    checks = [
        *_data_checks(material),
        *map_checks(material),
        *_fit_checks(material),
        *_agreement(material),
        *_point_checks(material),
    ]
    if not checks:
        return None
    order = {BAD: 0, NOTE: 1, GOOD: 2}
    checks.sort(key=lambda check: order[check.state])
    return Section("trust", TITLE, [Checks(checks), Text(VALIDATION)])


def trust_warnings(sections: Iterable[Section]) -> list[str]:
    """A line for the head of the page where checks at its end are bad."""
    checks = [
        check for section in sections for block in section.blocks if isinstance(block, Checks) for check in block.checks
    ]
    bad = sum(check.state == BAD for check in checks)
    return [f"{bad} of {counted(len(checks), 'check')} failed; see “{TITLE}”."] if bad else []


def _state(is_good: bool, otherwise: str = NOTE) -> str:
    return GOOD if is_good else otherwise


def _data_checks(material: Material) -> Iterator[Check]:
    for step, reduction in material.reductions.items():
        of = f" ({step})" if len(material.reductions) > 1 else ""
        totals = reduction.totals()
        datasets = list(reduction.datasets)
        if datasets and all(isinstance(dataset, MapDataset) for dataset in datasets):
            yield from _dropped_check(reduction, of)
            continue
        if any(dataset.statistic == "wstat" for dataset in datasets):
            alpha = totals["background"] / totals["n_off"] if totals["n_off"] > 0 else math.nan
            text = f"{whole(totals['n_off'])} off counts with a mean α of {plain(alpha)}: "
            enough = totals["n_off"] >= MANY_OFF
            if enough:
                share = 100 / math.sqrt(totals["n_off"])
                text += f"the background is known to {plain(share, 2)} %{of}."
            else:
                text += f"the background is poorly known{of}."
            yield Check(_state(enough), text)
            yield from _shared_off_runs(datasets, of)
        else:
            yield Check(NOTE, f"The background is taken as known exactly; its own error does not enter{of}.")
        n_on = float(np.nansum(np.asarray(reduction.info["n_on"])))
        if n_on > 0:
            part = totals["n_on"] / n_on
            text = f"{plain(100 * part)} % of the counts in the on region lie inside the safe range of energies{of}."
            yield Check(_state(part >= SAFE_FRACTION), text)
        yield from _dropped_check(reduction, of)


def _shared_off_runs(datasets: list[Any], of: str) -> Iterator[Check]:
    """Off runs that several datasets share: their backgrounds fluctuate together."""
    users = Counter(number for dataset in datasets for number in set(off_runs_of(dataset.meta)))
    shared = [number for number, count in users.items() if count > 1]
    if shared:
        text = f"{counted(len(shared), 'off run')} in several datasets ({', '.join(sorted(shared))}): "
        yield Check(NOTE, f"{text}backgrounds fluctuate together, errors of a joint fit are too small{of}.")


def _dropped_check(reduction: Any, of: str) -> Iterator[Check]:
    n_dropped = len(reduction.dropped)
    word = "part" if any(map(is_part, reduction.dropped)) else "run"
    if n_dropped:
        yield Check(NOTE, f"{counted(n_dropped, word)} of {len(reduction.info)} could not be used{of}.")


def _lower_first(text: str) -> str:
    """Text as it stands behind a colon."""
    return text[:1].lower() + text[1:]


def _fit_checks(material: Material) -> Iterator[Check]:
    for fit in material.fits:
        result, name = fit.result, capital(fit)
        yield Check(_state(result.success, BAD), f"{name}: {_lower_first(result.message or result.status)}")
        if not result.success:
            continue
        yield _covariance_check(result, name)
        yield from _nuisance_checks(result, name)
        good = result.goodness
        if fit.has_maps:  # most bins of a map hold no count at all: the deviance says nothing there
            continue
        if math.isfinite(good.p_value):
            chance = f"p = {probability(good.p_value)} (deviance {fixed(good.chi2, 1)}, {good.dof} degrees of freedom)"
            verb = "describes the counts" if good.p_value >= LOW_P_VALUE else "describes the counts poorly,"
            text = f"{name}: the model {verb} with {chance}. {good.warning}".strip()
            yield Check(BAD if good.p_value < LOW_P_VALUE else _state(not good.warning), text)


def _nuisance_checks(result: FitResult, name: str) -> Iterator[Check]:
    """How far the data pull nuisances away from what was known of them."""
    for nuisance in result.nuisances:
        for own, parameter in nuisance.named_parameters():
            pull, _ = nuisance_pull(parameter)
            if math.isfinite(pull):
                text = f"{name}: {own} lies {fixed(abs(pull), 1)} σ of its prior away from what was expected."
                yield Check(_state(abs(pull) < FAR_OFF, NOTE if abs(pull) < 2 * FAR_OFF else BAD), text)


def _covariance_check(result: FitResult, name: str) -> Check:
    free = [k for k, p in enumerate(result.parameters) if not p.frozen and p.link is None]
    matrix = result.covariance[np.ix_(free, free)]
    errors = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    if not len(free):
        return Check(NOTE, f"{name}: nothing was fitted, so there are no errors.")
    if not (errors > 0).all():
        without = ", ".join(result.parameters[k].name for k, error in zip(free, errors, strict=True) if error == 0)
        return Check(NOTE, f"{name}: no error for {without}.")
    scaled = matrix / np.outer(errors, errors)
    smallest = float(np.linalg.eigvalsh(scaled)[0])
    strongest = float(np.max(np.abs(scaled - np.eye(len(free))), initial=0.0))
    text = f"{name}: the covariance is positive definite; strongest correlation {fixed(strongest, 2)}."
    if smallest <= 0:
        return Check(BAD, f"{name}: the covariance is not positive definite; do not use the errors.")
    return Check(_state(strongest < 0.98), text)


def _agreement(material: Material) -> Iterator[Check]:
    """Joint and stacked fits of the same parameters: their differences in units of the error."""
    usable = [fit for fit in material.fits if fit.result.success]
    for place, first in enumerate(usable):
        for second in usable[place + 1 :]:
            if first.result.stack == second.result.stack:
                continue
            pulls = {
                parameter.name: (second.result[parameter.name].value - parameter.value) / parameter.error
                for parameter in first.result.parameters
                if not parameter.frozen and parameter.error > 0 and parameter.name in second.result.names
            }
            if not pulls:
                continue
            worst = max(pulls, key=lambda name: abs(pulls[name]))
            text = (
                f"{capital(first)} and {second.title} agree: the largest difference is {fixed(pulls[worst], 2)} σ, "
                f"of {worst}. (Same counts: a shift well below 1 σ is expected.)"
            )
            if abs(pulls[worst]) > AGREE:
                text = text.replace("agree", "differ", 1)
            yield Check(_state(abs(pulls[worst]) <= AGREE, NOTE if abs(pulls[worst]) < DISAGREE else BAD), text)


def _point_checks(material: Material) -> Iterator[Check]:
    for step, points in material.flux_points.items():
        fit = material.fit_of(step)
        if fit is None or points.source not in fit.result.models.names:
            continue
        pulls = estimate_pulls(points, fit.result.models[points.source].spectral)  # type: ignore[union-attr]
        n_used, chi2 = int(np.isfinite(pulls).sum()), float(np.nansum(pulls**2))
        n_free = len(_free_spectral(fit.result, points.source))
        if n_used <= n_free:
            continue
        p_value = chi2_probability(chi2, n_used - n_free)
        text = (
            f"Flux points ({step}) lie on the curve of the {fit.title}: χ² = {fixed(chi2, 1)} for {n_used} points and "
            f"{n_free} fitted parameters, p = {probability(p_value)}."
        )
        if p_value < LOW_P_VALUE:
            text = text.replace("lie on", "scatter around", 1)
        yield Check(_state(p_value >= LOW_P_VALUE), text)


def _free_spectral(result: FitResult, source: str) -> list[str]:
    prefix = f"{source}.spectral."
    return [p.name for p in result.parameters if p.name.startswith(prefix) and not p.frozen and p.link is None]
