"""Other starting values for a fit whose own lead nowhere: spectra from the defaults of their types.

A spectrum that starts far from every real one (an index of -10) is so steep that all its counts lie in one bin: shape
and amplitude cannot be told apart there, and no step leads away.
"""

from collections.abc import Iterator

import numpy as np

from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.fit.minimum import NO_COVARIANCE, NOT_CONVERGED, Minimum
from gammapy_hli.engine.fit.prior import prior_bounds
from gammapy_hli.engine.models.entries import ParameterEntry
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.spectral.compound import CompoundSpectralModel

WIDE = 3.0
"""A parameter whose error is this many times its value is hardly measured."""


def is_doubtful(likelihood: Likelihood, minimum: Minimum) -> bool:
    """Whether a better minimum may lie elsewhere: there are no errors, or a spectrum is hardly measured."""
    if minimum.status in (NO_COVARIANCE, NOT_CONVERGED):
        return True
    if not minimum.success:
        return False
    error = np.sqrt(np.maximum(np.diag(minimum.covariance), 0.0))
    is_spectral = np.array([".spectral." in name for name in likelihood.free], dtype=bool)
    return bool((is_spectral & (error > WIDE * np.abs(minimum.theta)) & (minimum.theta != 0)).any())


def default_start(models: Models) -> Models | None:
    """Copies of the models, free parameters of spectra at the mean of their prior or at the default of their type.

    Values stay inside bounds. None where nothing changes.
    """
    moved = models.copy()
    has_changed = False
    for model in moved:
        if not isinstance(model, SkyModel):
            continue
        for parameter, entry in _free_entries(model.spectral):
            value = _start_value(parameter, entry)
            has_changed |= value != parameter.value
            parameter.value = value
    return moved if has_changed else None


def _free_entries(spectral: SpectralModel) -> Iterator[tuple[Parameter, ParameterEntry]]:
    """Free parameters with their rows of the model table, those of the parts of a compound model too."""
    if isinstance(spectral, CompoundSpectralModel):
        yield from _free_entries(spectral.model1)
        yield from _free_entries(spectral.model2)
        return
    entries = {entry.name: entry for entry in spectral.entry.parameters}
    for name, parameter in zip(spectral.parameters.names, spectral.parameters, strict=True):
        if not parameter.frozen and name in entries:
            yield parameter, entries[name]


def _start_value(parameter: Parameter, entry: ParameterEntry) -> float:
    prior = parameter.prior
    value = prior.parameters["mu"] if prior is not None and "mu" in prior.parameters else entry.default
    if not np.isfinite(value):
        return parameter.value
    low, high = prior_bounds(prior)
    low, high = np.fmax(low, parameter.min), np.fmin(high, parameter.max)
    return float(np.clip(value, low, high))
