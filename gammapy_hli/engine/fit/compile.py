"""Puts datasets and models together once, into the flat arrays of a Likelihood."""

from collections.abc import Iterable, Sequence
from typing import Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.likelihood import GroupTerm, Likelihood, SourceTerm
from gammapy_hli.engine.fit.parameters import ParameterMap, map_parameters
from gammapy_hli.engine.fit.prior import collect_priors
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.predict.spectrum import FoldGroup, Mask, group_datasets, used_bins
from gammapy_hli.engine.stats.wstat import WstatBins

EnergyRange = tuple[u.Quantity | None, u.Quantity | None]


def compile(
    datasets: Iterable[SpectrumDataset], models: Iterable[Any], *, energy_range: EnergyRange | None = None
) -> Likelihood:
    """The likelihood of spectrum datasets under sky models.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset or SpectrumDatasetOnOff
        Any mixture of axes and statistics; datasets without usable bins do no harm.
    models : iterable of SkyModel
        A model with ``datasets_names`` counts in those of them only that are there; models that share a Parameter
        object have it in common. Spatial parts and background models of maps play no role for spectra. Nothing is
        changed in the models.
    energy_range : (Quantity or None, Quantity or None), optional
        Reconstructed energies of the fit: bins that lie entirely inside.

    Returns
    -------
    Likelihood

    Raises
    ------
    InputError
        A model is for datasets none of which is there, or has a free parameter without a finite value.
    """
    datasets = tuple(datasets)
    return compile_bins(datasets, models, [used_bins(dataset, energy_range) for dataset in datasets])


def compile_bins(datasets: Sequence[SpectrumDataset], models: Iterable[Any], masks: Sequence[Mask]) -> Likelihood:
    """As `compile`, with the bins to use given one by one: bool arrays (ne,), one a dataset."""
    datasets, masks = tuple(datasets), tuple(masks)
    models = tuple(model for model in models if _is_source(model))
    parameters = map_parameters(_named_parameters(models))
    seen = {model.name: _seen_datasets(model, datasets) for model in models}
    folds = group_datasets(datasets, masks)
    places = {
        model.name: np.array([parameters.place(p) for p in model.spectral.parameters], dtype=np.intp)
        for model in models
    }
    return Likelihood(
        datasets=datasets,
        masks=masks,
        parameters=parameters,
        groups=tuple(_group_term(fold, datasets, models, seen, parameters, places) for fold in folds),
        prior=collect_priors(parameters.names, parameters.parameters),
        spectra={model.name: (model.spectral, places[model.name], seen[model.name]) for model in models},
    )


def _is_source(model: Any) -> bool:
    """Whether a model is a flux; background models of maps are factors."""
    spectral = getattr(model, "spectral", None)
    return spectral is not None and not getattr(spectral, "is_norm", False)


def _named_parameters(models: Sequence[Any]) -> list[tuple[str, Parameter]]:
    """Spectral parameters of the models with their full names."""
    return [
        (f"{model.name}.spectral.{name}", parameter)
        for model in models
        for name, parameter in zip(model.spectral.parameters.names, model.spectral.parameters, strict=True)
    ]


def _seen_datasets(model: Any, datasets: Sequence[SpectrumDataset]) -> tuple[int, ...]:
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
    places: dict[str, np.ndarray],
) -> GroupTerm:
    sources = []
    for model in models:
        columns = fold.columns(seen[model.name])
        if not columns.any():
            continue
        rank = np.searchsorted(parameters.free, places[model.name])
        rank = np.minimum(rank, max(len(parameters.free) - 1, 0))
        is_free = (
            parameters.free[rank] == places[model.name] if len(parameters.free) else np.zeros(len(rank), dtype=bool)
        )
        sources.append(
            SourceTerm(
                name=model.name,
                spectrum=model.spectral.compile(fold.edges),
                matrix=fold.matrix if columns.all() else np.where(columns, fold.matrix, 0.0),
                places=places[model.name],
                jacobian_rows=np.flatnonzero(is_free),
                free_places=rank[is_free],
            )
        )
    gathered = {name: _gather(fold, datasets, name) for name in _counts_of(fold.statistic)}
    if fold.statistic == "wstat":
        bins = WstatBins(gathered["counts"], gathered["counts_off"], gathered["alpha"])
        return GroupTerm(fold, tuple(sources), wstat=bins)
    return GroupTerm(fold, tuple(sources), counts=gathered["counts"], background=gathered["background"])


def _counts_of(statistic: str) -> tuple[str, ...]:
    return ("counts", "counts_off", "alpha") if statistic == "wstat" else ("counts", "background")


def _gather(fold: FoldGroup, datasets: Sequence[SpectrumDataset], name: str) -> np.ndarray:
    """One quantity of all bins of a group, (n_bins,); zero where a dataset does not have it."""
    parts = []
    for number in fold.members:
        values = getattr(datasets[number], name)
        chosen = fold.bin[fold.member == number]
        parts.append(np.zeros(len(chosen)) if values is None else values[chosen])
    return np.concatenate(parts)
