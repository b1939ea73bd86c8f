"""Puts datasets and models together once, into the flat arrays of a Likelihood.

Spectra are grouped here; map_compile.py beside it makes the terms of maps.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.likelihood import AnyDataset, Calibration, GroupTerm, Likelihood, SourceTerm
from gammapy_hli.engine.fit.map_compile import (
    EvaluatorCache,
    background_datasets,
    find_kinks,
    free_parameters,
    is_background,
    limit_positions,
    make_map_terms,
    map_numbers,
    used_map_bins,
)
from gammapy_hli.engine.fit.parameters import ParameterMap, map_parameters
from gammapy_hli.engine.fit.prior import collect_priors
from gammapy_hli.engine.models.nuisance import Nuisance, nuisance_of
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.predict.calibration import compile_spectrum
from gammapy_hli.engine.predict.spectrum import FoldGroup, Mask, group_datasets, used_bins
from gammapy_hli.engine.stats.wstat import WstatBins

EnergyRange = tuple[u.Quantity | None, u.Quantity | None]


def compile(
    datasets: Iterable[AnyDataset],
    models: Iterable[Any],
    *,
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
    cache: EvaluatorCache | None = None,
) -> Likelihood:
    """The likelihood of spectrum and map datasets under sky models.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset, SpectrumDatasetOnOff, MapDataset or MapDatasetOnOff
        Any mixture of kinds, axes and statistics; datasets without usable bins do no harm.
    models : iterable of SkyModel, FoVBackgroundModel and TemplateNPredModel
        A model with ``datasets_names`` counts in those of them only that are there; models that share a Parameter
        object have it in common. Spatial parts and background models play no role for spectra. Nothing is changed in
        the models.
    energy_range : (Quantity or None, Quantity or None), optional
        Reconstructed energies of the fit: bins that lie entirely inside.
    nuisances : sequence of Nuisance
        Those for other datasets play no role.
    cache : dict, optional
        Keeps responses of sources in maps from one call to the next, for sources that have not moved in between; for
        the same datasets only.

    Returns
    -------
    Likelihood

    Raises
    ------
    InputError
        Two datasets have one name; a model is for datasets none of which is there, or has a free parameter without a
        finite value; a source of a map has no spatial model, or lies outside of all maps; a source of a spectrum is to
        be seen without exposure or energy dispersion (``apply_irf``).
    """
    datasets = tuple(datasets)
    require_unique_names(datasets)
    masks = [_used(dataset, energy_range) for dataset in datasets]
    return compile_bins(datasets, models, masks, cache, nuisances=nuisances)


def compile_bins(
    datasets: Sequence[AnyDataset],
    models: Iterable[Any],
    masks: Sequence[Mask],
    cache: EvaluatorCache | None = None,
    *,
    nuisances: Sequence[Nuisance] = (),
) -> Likelihood:
    """As `compile`, with the bins to use given one by one: bool arrays (ne,) or (ne, ny, nx), one a dataset."""
    datasets, masks = tuple(datasets), tuple(masks)
    models = tuple(models)
    sources = tuple(model for model in models if _is_source(model))
    seen = {model.name: _seen_datasets(model, datasets) for model in sources}
    backgrounds = tuple(model for model in models if is_background(model))
    seen |= {model.name: background_datasets(model, datasets) for model in backgrounds}
    own = tuple(nuisance_of(nuisances, dataset.name) for dataset in datasets)
    parameters = map_parameters(
        [*_named_parameters(models, seen, map_numbers(datasets)), *_named_nuisances(nuisances, own)]
    )
    places = {
        model.name: np.array([parameters.place(p) for p in model.spectral.parameters], dtype=np.intp)
        for model in sources
    }
    cache = {} if cache is None else cache
    maps = make_map_terms(datasets, (*sources, *backgrounds), masks, seen, parameters, own, cache)
    lower, upper, is_temporary = limit_positions(sources, maps, parameters)
    parameters = replace(parameters, lower=lower, upper=upper)
    # a map has no used bins where spectra are put into groups, so that datasets keep their numbers
    none = np.zeros(0, dtype=bool)
    spectra = [none if isinstance(d, MapDataset) else m for d, m in zip(datasets, masks, strict=True)]
    all_spectra: Any = datasets
    return Likelihood(
        datasets=datasets,
        masks=masks,
        parameters=parameters,
        groups=tuple(
            _group_term(fold, all_spectra, sources, seen, parameters, own[fold.members[0]])
            for fold in group_datasets(all_spectra, spectra, [None if each is None else each.name for each in own])
        ),
        prior=collect_priors(parameters.names, parameters.parameters),
        spectra={model.name: (model.spectral, places[model.name], seen[model.name]) for model in sources},
        calibrations=tuple(_calibration(each, parameters) for each in own),
        maps=maps,
        is_rough=np.array([".spatial." in name for name in parameters.free_names], dtype=bool),
        is_kinked=find_kinks(maps, len(parameters.free)),
        is_temporary=is_temporary,
    )


def _used(dataset: AnyDataset, energy_range: EnergyRange | None) -> Mask:
    """Bins of a dataset that a fit looks at."""
    if isinstance(dataset, MapDataset):
        return used_map_bins(dataset, energy_range)
    return used_bins(dataset, energy_range)


def _is_source(model: Any) -> bool:
    """Whether a model is a flux; background models of maps are factors."""
    spectral = getattr(model, "spectral", None)
    return spectral is not None and not getattr(spectral, "is_norm", False)


def _named_parameters(
    models: Sequence[Any], seen: dict[str, tuple[int, ...]], maps: tuple[int, ...]
) -> list[tuple[str, Parameter]]:
    """Parameters that play a role with their full names: spectral, and spatial ones of sources that a map sees."""
    named: list[tuple[str, Parameter]] = []
    for model in models:
        if not (_is_source(model) or seen.get(model.name)):
            continue
        components = [("spectral", model.spectral)]
        spatial = getattr(model, "spatial", None)
        if spatial is not None and set(seen[model.name]) & set(maps):
            components.append(("spatial", spatial))
        for kind, component in components:
            for name, parameter in zip(component.parameters.names, component.parameters, strict=True):
                named.append((f"{model.name}.{kind}.{name}", parameter))
    return named


def _named_nuisances(nuisances: Sequence[Nuisance], own: Sequence[Nuisance | None]) -> list[tuple[str, Parameter]]:
    """Parameters of the nuisances that datasets have."""
    used = [each for each in nuisances if any(each is other for other in own)]
    return [pair for each in used for pair in each.named_parameters()]


def _calibration(nuisance: Nuisance | None, parameters: ParameterMap) -> Calibration:
    """Places of the norm and of the energy scale of a dataset, -1 for none."""
    kinds = (None, None) if nuisance is None else (nuisance.norm, nuisance.energy_scale)
    norm, scale = (-1 if parameter is None else parameters.place(parameter) for parameter in kinds)
    return norm, scale


def require_unique_names(datasets: Sequence[AnyDataset]) -> None:
    """Raise InputError where two datasets have one name, so that results could not tell them apart."""
    names = [dataset.name for dataset in datasets]
    twice = sorted(set(names), key=names.index) if len(set(names)) < len(names) else []
    twice = [name for name in twice if names.count(name) > 1]
    if twice:
        raise InputError(
            f"datasets that are fitted together must have different names; there is more than one {', '.join(twice)}. "
            "Give reductions labels (reduction@hess, reduction@magic), which stand before the run number, or take runs "
            "that differ."
        )


def require_known_datasets(models: Iterable[Any], names: Collection[str], elsewhere: Collection[str] = ()) -> None:
    """Raise InputError where a model is for a dataset that is nowhere, which a misspelt name would be."""
    for model in models:
        unknown = [name for name in model.datasets_names or () if name not in names and name not in elsewhere]
        if unknown:
            raise InputError(
                f"model {model.name!r} is for dataset {unknown[0]!r}, which is not there."
                f"{did_you_mean(unknown[0], names)} The datasets are {', '.join(names) or 'none'}."
            )


def _seen_datasets(model: Any, datasets: Sequence[AnyDataset]) -> tuple[int, ...]:
    """Numbers of the datasets in which a model counts."""
    if not model.datasets_names:
        return tuple(range(len(datasets)))
    names = [dataset.name for dataset in datasets]
    if not set(model.datasets_names) & set(names):
        wanted = model.datasets_names[0]
        raise InputError(
            f"model {model.name!r} is for dataset {wanted!r}, which is not there.{did_you_mean(wanted, names)} "
            f"The datasets are {', '.join(names) or 'none'}."
        )
    return tuple(k for k, name in enumerate(names) if name in model.datasets_names)


def _group_term(
    fold: FoldGroup,
    datasets: Sequence[SpectrumDataset],
    models: Sequence[Any],
    seen: dict[str, tuple[int, ...]],
    parameters: ParameterMap,
    nuisance: Nuisance | None,
) -> GroupTerm:
    sources = []
    more = () if nuisance is None else nuisance.parameters
    for model in models:
        columns = fold.columns(seen[model.name])
        if not columns.any():
            continue
        _require_responses(model, datasets[fold.members[0]].name)
        own = free_parameters([*model.spectral.parameters, *more], parameters)
        sources.append(
            SourceTerm(
                name=model.name,
                spectrum=compile_spectrum(model.spectral, fold.edges, nuisance),
                matrix=fold.matrix if columns.all() else np.where(columns, fold.matrix, 0.0),
                places=own.places,
                jacobian_rows=own.rows,
                free_places=own.free_places,
            )
        )
    gathered = {name: _gather(fold, datasets, name) for name in _counts_of(fold.statistic)}
    if fold.statistic == "wstat":
        bins = WstatBins(gathered["counts"], gathered["counts_off"], gathered["alpha"])
        return GroupTerm(fold, tuple(sources), wstat=bins)
    return GroupTerm(fold, tuple(sources), counts=gathered["counts"], background=gathered["background"])


def _require_responses(model: Any, dataset_name: str) -> None:
    """Raise InputError for a source that wants to be seen without exposure or dispersion: only maps can do that."""
    apply_irf = getattr(model, "apply_irf", {})
    unwanted = [name for name in ("exposure", "edisp") if not apply_irf.get(name, True)]
    if unwanted:
        raise InputError(
            f"source {model.name!r} has apply_irf {unwanted[0]}: false, which maps know and spectra do not; dataset "
            f"{dataset_name!r} is a spectrum. Take apply_irf away, or keep the source out of it with 'datasets_names'."
        )


def _counts_of(statistic: str) -> tuple[str, ...]:
    return ("counts", "counts_off", "alpha") if statistic == "wstat" else ("counts", "background")


def _gather(fold: FoldGroup, datasets: Sequence[SpectrumDataset], name: str) -> np.ndarray:
    """One quantity of all bins of a group, (n_bins,); zero where a dataset does not have it."""
    parts = []
    lengths = np.bincount(fold.member, minlength=len(datasets))[list(fold.members)]
    for number, chosen in zip(fold.members, np.split(fold.bin, np.cumsum(lengths)[:-1]), strict=True):
        values = getattr(datasets[number], name)
        parts.append(np.zeros(len(chosen)) if values is None else values[chosen])
    return np.concatenate(parts)
