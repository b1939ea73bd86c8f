"""Fits models to datasets: compile, minimize, judge; the one call that tools and users make."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.datasets.stack import stack as stack_datasets
from gammapy_hli.engine.fit.compile import EnergyRange, compile, require_known_datasets, require_unique_names
from gammapy_hli.engine.fit.goodness import measure_goodness
from gammapy_hli.engine.fit.likelihood import AnyDataset, Likelihood
from gammapy_hli.engine.fit.map_compile import HALF_TURN, EvaluatorCache, is_full_turn
from gammapy_hli.engine.fit.map_rounds import goes_on, settle
from gammapy_hli.engine.fit.minimum import FLAT, Minimum
from gammapy_hli.engine.fit.minuit import MinuitOptions, minimize, refine, with_minos
from gammapy_hli.engine.fit.second_start import default_start, is_doubtful
from gammapy_hli.engine.models.nuisance import Nuisance, check_nuisances, copy_nuisances
from gammapy_hli.engine.models.of_sum import models_of_sum
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.fit_result import FitResult, FittedParameter

Array = NDArray[np.float64]

STACKED = "stacked"
"""Name of the sum of all datasets."""
SMALL_GAIN = 1e-6
"""Of the statistic: a fit that gains less by another attempt has ended."""


def fit(
    datasets: Iterable[AnyDataset],
    models: Models,
    *,
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
    elsewhere: Collection[str] = (),
    stack: bool = False,
    tolerance: float = 0.1,
    strategy: int = 1,
    max_calls: int = 5000,
    retries: int = 3,
    minos: Sequence[str] = (),
) -> FitResult:
    """Best values of the free parameters of some models.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset and MapDataset
    models : Models
        Stays as it is; the result holds a copy with the best values.
    energy_range : (Quantity or None, Quantity or None), optional
        Reconstructed energies to fit: bins that lie entirely inside.
    nuisances : sequence of Nuisance
        Norms and energy scales of instruments; they stay as they are, the result holds copies.
    elsewhere : collection of str
        Names of datasets that models may name although this fit does not look at them.
    stack : bool
        Fit the sum of the datasets, with one background model for it in place of those of maps that are added.
    tolerance, strategy, max_calls, retries
        See `MinuitOptions`.
    minos : sequence of str
        Free parameters for which asymmetric errors are wanted; ``["all"]`` for every one.

    Returns
    -------
    FitResult
        Also where the fit fails: ``success``, ``status`` and ``message`` say so.

    Raises
    ------
    InputError
        Models, nuisances and datasets do not belong together, or ``minos`` names a parameter that is not free.

    Notes
    -----
    Where positions or sizes in maps are free the fit is repeated with the responses at the new place until they are
    stable; the reported statistic belongs to responses at the best position.
    """
    datasets = tuple(datasets)
    fitted = fitted_datasets(datasets, stack)
    require_known_datasets(models, {dataset.name: None for dataset in (*datasets, *fitted)}, elsewhere)
    if stack:
        models = models_of_sum(models, [dataset.name for dataset in datasets], STACKED)
    nuisances = tuple(nuisances)
    check_nuisances(nuisances, [dataset.name for dataset in fitted])
    options = MinuitOptions(tolerance=tolerance, strategy=strategy, max_calls=max_calls, retries=retries)
    problem = _Problem(fitted, nuisances, energy_range, options, tuple(minos))
    likelihood, minimum = problem.solve(models)
    if retries and is_doubtful(likelihood, minimum):
        likelihood, minimum = problem.solve_otherwise(models, likelihood, minimum)
    result = make_result(likelihood, models, minimum, nuisances)
    return replace(result, stack=stack, energy_range_TeV=_bounds_in_tev(energy_range))


@dataclass(frozen=True, eq=False)
class _Problem:
    """All that a fit is made of but for its starting values."""

    datasets: tuple[AnyDataset, ...]
    nuisances: tuple[Nuisance, ...]
    energy_range: EnergyRange | None
    options: MinuitOptions
    minos: tuple[str, ...]
    cache: EvaluatorCache = field(default_factory=dict)

    def compile(self, models: Models, nuisances: tuple[Nuisance, ...]) -> Likelihood:
        return compile(self.datasets, models, energy_range=self.energy_range, nuisances=nuisances, cache=self.cache)

    def solve(self, models: Models) -> tuple[Likelihood, Minimum]:
        """The last likelihood and its minimum, from the values that the models have."""
        likelihood = self.compile(models, self.nuisances)

        def recompile(last: Likelihood, found: Minimum) -> Likelihood:
            return self.compile(*apply_minimum(last, models, found, self.nuisances)[:2])

        moving = bool(likelihood.rough.any())
        early_minos = () if moving else self.minos
        minimum = minimize(likelihood, self.options, minos=early_minos, is_last=not moving)
        while minimum.status == FLAT:
            # a break between equal indices, or the index of a source without flux, counts once the others have moved
            moved = recompile(likelihood, minimum)
            again = minimize(moved, self.options, minos=early_minos, is_last=not moving)
            if again.status == FLAT and not again.stat < minimum.stat - SMALL_GAIN:
                break
            likelihood, minimum = moved, replace(again, n_evaluations=minimum.n_evaluations + again.n_evaluations)
        if moving:
            if not goes_on(minimum):  # no fit follows: this was the last one
                minimum = minimize(likelihood, self.options)
            likelihood, minimum = settle(likelihood, minimum, recompile, lambda last: refine(last, self.options))
            minimum = with_minos(likelihood, minimum, self.options, self.minos)
        return likelihood, minimum

    def solve_otherwise(self, models: Models, likelihood: Likelihood, minimum: Minimum) -> tuple[Likelihood, Minimum]:
        """The same from the defaults of the spectra, where that leads to a fit that can be used."""
        other = default_start(models)
        if other is None:
            return likelihood, minimum
        again, found = self.solve(other)
        n_evaluations = minimum.n_evaluations + found.n_evaluations
        gain = -SMALL_GAIN if minimum.success else SMALL_GAIN
        if not (found.success and found.stat < minimum.stat + gain):
            return likelihood, replace(minimum, n_evaluations=n_evaluations)
        attempts = (*minimum.attempts, f"starting values of the models: {minimum.status}", *found.attempts)
        message = (
            f"{found.message} It was started from the defaults of the model types: the starting values of the models "
            f"lead to a statistic of {minimum.stat:.6g} ({minimum.status})."
        )
        return again, replace(found, attempts=attempts, message=message, n_evaluations=n_evaluations)


def fitted_datasets(datasets: Iterable[AnyDataset], stack: bool) -> tuple[AnyDataset, ...]:
    """What a fit looks at: the datasets, or their sum under the name ``stacked``.

    Raises
    ------
    InputError
        Two have one name, or spectra and maps are to be added to each other.
    """
    datasets = tuple(datasets)
    maps = [dataset for dataset in datasets if isinstance(dataset, MapDataset)]
    spectra = [dataset for dataset in datasets if not isinstance(dataset, MapDataset)]
    if stack and maps and spectra:
        raise InputError(
            f"stack: {len(maps)} of {len(datasets)} datasets are maps, the others spectra; they have no sum. Fit them "
            "jointly (stack: false)."
        )
    require_unique_names(datasets)
    if not stack or not datasets:
        return datasets
    return (stack_maps(maps, STACKED),) if maps else (stack_datasets(spectra, STACKED),)


def _bounds_in_tev(energy_range: EnergyRange | None) -> tuple[float | None, float | None] | None:
    if energy_range is None:
        return None
    low, high = (None if bound is None else float(bound.to_value("TeV")) for bound in energy_range)
    return low, high


def make_result(
    likelihood: Likelihood, models: Models, minimum: Minimum, nuisances: Sequence[Nuisance] = ()
) -> FitResult:
    """The product of a fit from the end of its minimization; ``models`` and ``nuisances`` are copied."""
    fitted, shifted, covariance = apply_minimum(likelihood, models, minimum, nuisances)
    links = fitted.links
    parameters = []
    for name, parameter in _all_parameters(fitted, shifted).items():
        errn, errp = minimum.minos.get(links.get(name, name), (None, None))
        parameters.append(
            FittedParameter(
                name=name,
                value=parameter.value,
                error=parameter.error,
                unit=parameter.unit,
                min=None if np.isnan(parameter.min) else parameter.min,
                max=None if np.isnan(parameter.max) else parameter.max,
                frozen=parameter.frozen,
                link=links.get(name),
                errn=errn,
                errp=errp,
            )
        )
    return FitResult(
        success=minimum.success,
        status=minimum.status,
        message=minimum.message,
        stat=minimum.stat,
        stat_prior=likelihood.stat_prior(minimum.theta),
        n_bins=likelihood.n_bins,
        n_free=len(likelihood.free),
        n_evaluations=minimum.n_evaluations,
        parameters=tuple(parameters),
        models=fitted,
        nuisances=shifted,
        covariance=covariance,
        goodness=measure_goodness(likelihood, minimum.theta),
        attempts=minimum.attempts,
    )


def apply_minimum(
    likelihood: Likelihood, models: Models, minimum: Minimum, nuisances: Sequence[Nuisance] = ()
) -> tuple[Models, tuple[Nuisance, ...], Array]:
    """Copies of models and nuisances at the minimum, and the covariance of all their parameters, (n_all, n_all).

    Parameters that share a value have equal rows; parameters that a spectrum does not know have zeros. Those of the
    nuisances come last.
    """
    fitted, shifted = models.copy(), copy_nuisances(nuisances)
    named = _all_parameters(fitted, shifted)
    links = fitted.links
    values = dict(zip(likelihood.parameters.names, likelihood.parameters.fill(minimum.theta), strict=True))
    known = {name: k for k, name in enumerate(likelihood.parameters.names)}
    places = np.array([known.get(links.get(name, name), -1) for name in named], dtype=np.intp)
    for name, value in values.items():
        named[name].value = _within_turn(named[name], float(value))
    covariance = np.zeros((len(named), len(named)))
    inside = np.flatnonzero(places >= 0)
    spread = likelihood.parameters.spread(minimum.covariance)
    covariance[np.ix_(inside, inside)] = spread[np.ix_(places[inside], places[inside])]
    n_models = len(fitted.parameters)
    fitted.covariance = covariance[:n_models, :n_models]
    for parameter, variance in zip(list(named.values())[n_models:], np.diag(covariance)[n_models:], strict=True):
        parameter.error = float(np.sqrt(variance)) if variance > 0 else 0.0
    return fitted, shifted, covariance


def _within_turn(parameter: Parameter, value: float) -> float:
    """The value; that of a position angle between -180 and 180 deg."""
    if is_full_turn(parameter) and abs(value) > HALF_TURN:
        return (value + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN
    return value


def _all_parameters(models: Models, nuisances: Sequence[Nuisance]) -> dict[str, Parameter]:
    """Parameters of the models and of the nuisances by their names."""
    return models.parameters | {name: each for nuisance in nuisances for name, each in nuisance.named_parameters()}
