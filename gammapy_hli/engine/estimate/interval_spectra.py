"""Fits the spectrum of one source in each interval of time: time-resolved spectroscopy.

Intervals do not know of each other, so that they can be fitted in any process, and kept one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import HliError, InputError
from gammapy_hli.engine.datasets.digest import digest
from gammapy_hli.engine.estimate.correlation import correlate
from gammapy_hli.engine.estimate.interval_datasets import PerInterval, interval_datasets, interval_nuisances, models_for
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.fit.compile import EnergyRange
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.models.models_yaml import models_text
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.interval_spectra import IntervalSpectra
from gammapy_hli.engine.products.light_curve import DAY, MJD_OF_CLOCK

Array = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalFit:
    """Spectral parameters of a source in one interval; plain values, which a JSON file holds bit by bit.

    Attributes
    ----------
    parameters : tuple of str
        Free ones, by their names in the spectral model.
    values : tuple of float
    covariance : tuple of tuples of float
    stat : float
    status : str
        Blank, or why there is no spectrum; the numbers are then nan.
    """

    parameters: tuple[str, ...]
    values: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    stat: float
    status: str = ""

    @property
    def success(self) -> bool:
        """Whether the numbers can be used."""
        return not self.status

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping without nan, which strict JSON does not know."""
        return asdict(self) if self.success else {"parameters": self.parameters, "status": self.status}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """From `to_dict`, also after a round through JSON."""
        if plain["status"]:
            return cls.failed(plain["parameters"], plain["status"])
        rows = tuple(tuple(row) for row in plain["covariance"])
        lists = {name: tuple(plain[name]) for name in ("parameters", "values")}
        return cls(**lists, covariance=rows, stat=plain["stat"], status=plain["status"])

    @classmethod
    def failed(cls, parameters: Sequence[str], status: str) -> Self:
        """No spectrum, for a reason."""
        blank = (float("nan"),) * len(parameters)
        return cls(tuple(parameters), blank, (blank,) * len(parameters), float("nan"), status)


@dataclass(frozen=True, eq=False)
class IntervalWork:
    """What one interval needs to be fitted; goes to another process as it is.

    Attributes
    ----------
    name : str
    datasets : tuple
        Those of the interval, or their sum; those without data left out.
    models : Models
        From `spectral_models`.
    source : str
    energy_range
        Reconstructed energies to use.
    nuisances : tuple of Nuisance
        Of these datasets, held at their values.
    """

    name: str
    datasets: tuple[AnyDataset, ...]
    models: Models
    source: str
    energy_range: EnergyRange | None = None
    nuisances: tuple[Nuisance, ...] = ()

    @property
    def key(self) -> str:
        """What tells this work from any other: equal data, models and options have equal keys, in any process."""
        shared = [(each.name, each.factor, each.scale, each.datasets_names) for each in self.nuisances]
        return digest((self.datasets, models_text(self.models), self.source, self.energy_range, shared))


def spectral_models(models: Models, source: str) -> Models:
    """A copy of the models in which only the spectrum of one source is free.

    Raises
    ------
    InputError
        None of its parameters is free.
    """
    made = models.copy()
    own = list(made[source].spectral.parameters)
    for parameter in made.parameters.values():
        if not any(parameter is mine for mine in own):
            parameter.frozen = True
    if all(parameter.frozen for parameter in own):
        names = ", ".join(parameter.name for parameter in own)
        raise InputError(
            f"no spectral parameter of {source} is free ({names}), so there is none to fit in each interval. Free one "
            "in the model, or keep the shape: spectral_shape: fixed."
        )
    return made


def free_names(models: Models, source: str) -> tuple[str, ...]:
    """Free parameters of the spectrum of a source, by their names in it ('model1.index' in a product)."""
    parameters = models[source].spectral.parameters
    return tuple(name for name, each in zip(parameters.names, parameters, strict=True) if not each.frozen)


def interval_works(
    datasets: Sequence[AnyDataset],
    models: Models,
    source: str,
    bins: TimeBins,
    *,
    per_interval: PerInterval = "joint",
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
) -> Iterator[IntervalWork]:
    """What is to be fitted, interval by interval."""
    free = spectral_models(models, source)
    for k, name in enumerate(bins.names):
        used = interval_datasets(datasets, bins, k, per_interval, models)
        here = models_for(free, used, per_interval)
        if source not in here:  # it is for other datasets
            yield IntervalWork(name, (), free, source, energy_range)
            continue
        held = interval_nuisances(nuisances, datasets, bins, {k: used})
        yield IntervalWork(name, used, here, source, energy_range, held)


def fit_interval(work: IntervalWork) -> IntervalFit:
    """The spectrum of one interval; never raises for bad data: the status tells."""
    names = free_names(work.models, work.source)
    if not work.datasets:
        return IntervalFit.failed(names, "no data that can be used")
    try:
        result = fit(work.datasets, work.models, energy_range=work.energy_range, nuisances=work.nuisances)
    except HliError as error:
        return IntervalFit.failed(names, str(error))
    if not result.success:
        return IntervalFit.failed(names, f"{result.status}: {result.message}")
    spectral = result.models[work.source].spectral
    chosen = [spectral.parameters.place(name) for name in names]
    covariance = result.models.covariance_of(work.source)[np.ix_(chosen, chosen)]
    if not (np.isfinite(covariance).all() and (np.diag(covariance) > 0).all()):
        return IntervalFit.failed(names, "the fit gives no errors: too few counts")
    values = tuple(float(spectral.parameters[name].value) for name in names)
    return IntervalFit(names, values, tuple(map(tuple, covariance.tolist())), float(result.stat))


def fit_intervals(
    works: Iterable[IntervalWork], run: Callable[[IntervalWork], IntervalFit] = fit_interval
) -> tuple[IntervalFit, ...]:
    """All intervals, one after the other."""
    return tuple(run(work) for work in works)


def interval_models(models: Models, source: str, fits: Sequence[IntervalFit]) -> tuple[Models, ...]:
    """The models with the spectrum of each interval; where its fit failed, as they are."""
    made = []
    for each in fits:
        copied = models.copy()
        if each.success:
            for name, value in zip(each.parameters, each.values, strict=True):
                copied[source].spectral.parameters[name].value = value
        made.append(copied)
    return tuple(made)


def collect_spectra(
    fits: Sequence[IntervalFit], models: Models, source: str, bins: TimeBins, edges: u.Quantity
) -> IntervalSpectra:
    """The product, with fluxes between the outer edges and the correlations of the parameters with them."""
    names = fits[0].parameters
    spectra = interval_models(models, source, fits)
    fluxes = [_flux(one[source].spectral, each, edges) for one, each in zip(spectra, fits, strict=True)]
    value = np.array([each.values for each in fits])
    flux = np.array([each[0] for each in fluxes])
    parameters = models[source].spectral.parameters
    correlations = [correlate(value[:, k], flux) for k in range(len(names))]
    return IntervalSpectra(
        interval=np.array(bins.names, dtype=str),
        time_min=MJD_OF_CLOCK + bins.start / DAY,
        time_max=MJD_OF_CLOCK + bins.stop / DAY,
        value=value,
        error=np.array([np.sqrt(np.diag(each.covariance)) for each in fits]),
        flux=flux,
        flux_err=np.array([each[1] for each in fluxes]),
        flux_correlation=np.array([each[2] for each in fluxes]),
        stat=np.array([each.stat for each in fits]),
        success=np.array([each.success for each in fits]),
        status=np.array([" ".join(each.status.split()) for each in fits], dtype=str),
        parameters=names,
        units=tuple(parameters[name].unit for name in names),
        e_min=float(edges[0].to_value("TeV")),
        e_max=float(edges[-1].to_value("TeV")),
        n_correlated=int(np.isfinite(flux).sum()),
        pearson=np.array([each.pearson for each in correlations]),
        pearson_p=np.array([each.pearson_p for each in correlations]),
        spearman=np.array([each.spearman for each in correlations]),
        spearman_p=np.array([each.spearman_p for each in correlations]),
    )


def _flux(spectral: Any, one: IntervalFit, edges: u.Quantity) -> tuple[float, float, Array]:
    """Flux between the outer edges with its error, and the correlation of that with each parameter."""
    n = len(one.parameters)
    if not one.success:
        return np.nan, np.nan, np.full(n, np.nan)
    low, high = (edges[[k]].to_value("TeV") for k in (0, -1))
    flux, jacobian = spectral.compile_bins(low, high).flux_and_jacobian(spectral.values)
    places = [spectral.parameters.names.index(name) for name in one.parameters]
    gradient = np.asarray(jacobian).reshape(len(spectral.values), -1)[places, 0]
    covariance = np.array(one.covariance)
    shared = covariance @ gradient
    error = float(np.sqrt(gradient @ shared))
    return float(flux[0]), error, shared / (error * np.sqrt(np.diag(covariance)))
