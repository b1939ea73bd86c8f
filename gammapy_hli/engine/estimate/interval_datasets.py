"""The datasets of an interval of time as the likelihood takes them: one beside the other, or their sum."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.fit.map_compile import is_background
from gammapy_hli.engine.models.nuisance import Nuisance, held_nuisances, nuisances_of_sum
from gammapy_hli.engine.models.sky_model import Models

PerInterval = Literal["joint", "stack"]


def interval_datasets(
    datasets: Sequence[AnyDataset], bins: TimeBins, number: int, per_interval: PerInterval, models: Models
) -> tuple[AnyDataset, ...]:
    """The datasets of one interval that have data, or with "stack" their sum.

    The sum of maps has the sum of their backgrounds as the background models of each make them; `models_for` then
    leaves these models out.
    """
    group = [datasets[k] for k in bins.members[number] if _has_data(datasets[k])]
    if per_interval == "joint":
        return tuple(group)
    return tuple(_stacked([_with_background(each, models) for each in group], f"interval-{bins.names[number]}"))


def models_for(models: Models, datasets: Sequence[AnyDataset], per_interval: PerInterval) -> Models:
    """The models that are for these datasets; no background models where `interval_datasets` used them.

    Raises
    ------
    InputError
        A source is for some datasets only, and these are sums.
    """
    names = {dataset.name for dataset in datasets}
    chosen = []
    for model in models:
        wanted = set(model.datasets_names or ())
        if per_interval == "joint":
            if not wanted or wanted & names:
                chosen.append(model.name)
        elif not is_background(model):
            if wanted:
                listed = ", ".join(sorted(wanted))
                raise InputError(
                    f"source {model.name!r} is for the datasets {listed} only, which sums do not keep apart; fit the "
                    "datasets of an interval jointly (per_interval: joint)"
                )
            chosen.append(model.name)
    return models.subset(chosen)


def _with_background(dataset: AnyDataset, models: Models) -> AnyDataset:
    """A map with its background as its background models make it; any other dataset as it is."""
    if not isinstance(dataset, MapDataset) or dataset.statistic != "cash":
        return dataset
    own = [
        model
        for model in models
        if is_background(model) and (not model.datasets_names or dataset.name in model.datasets_names)
    ]
    if not own:
        return dataset
    likelihood = compile([dataset], Models(own))
    return replace(dataset, background=likelihood.background(likelihood.theta0)[dataset.name])


def interval_nuisances(
    nuisances: Sequence[Nuisance],
    datasets: Sequence[AnyDataset],
    bins: TimeBins,
    groups: Mapping[int, Sequence[AnyDataset]],
) -> tuple[Nuisance, ...]:
    """The nuisances for the datasets of some intervals, held at their values; those of a sum are what its parts share.

    Parameters
    ----------
    nuisances : sequence of Nuisance
        Of the datasets as they are.
    datasets : sequence
        All of them, as in ``bins``.
    groups : mapping of int to sequence
        For each interval its `interval_datasets`.
    """
    names: dict[str, list[str]] = {}
    for k, used in groups.items():
        members = [datasets[number].name for number in bins.members[k] if _has_data(datasets[number])]
        alone = {dataset.name for dataset in used if dataset.name in members}
        for dataset in used:
            parts = [dataset.name] if dataset.name in alone else [name for name in members if name not in alone]
            for nuisance in nuisances_of_sum(nuisances, parts, dataset.name):
                names.setdefault(nuisance.name, []).append(dataset.name)
    found = (replace(each, datasets_names=tuple(names[each.name])) for each in nuisances if each.name in names)
    return held_nuisances(found)


def _stacked(group: list[AnyDataset], name: str) -> list[AnyDataset]:
    """The sum of datasets; what cannot be added stands beside it."""
    found: list[AnyDataset] = []
    for kind in dict.fromkeys(type(dataset) for dataset in group):
        same = [dataset for dataset in group if type(dataset) is kind]
        if len(same) > 1:
            label = name if not found else f"{name}-{len(found)}"
            found.append(stack_maps(same, label) if issubclass(kind, MapDataset) else stack(same, label))  # type: ignore[arg-type]
        else:
            found += same
    return found


def _has_data(dataset: Any) -> bool:
    mask = dataset.mask_safe
    return (mask is None or bool(mask.any())) and getattr(dataset, "counts_off", 0) is not None
