"""The datasets of an interval of time as the likelihood takes them: one beside the other, or their sum."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.models.nuisance import Nuisance, held_nuisances, nuisances_of_sum

PerInterval = Literal["joint", "stack"]


def interval_datasets(
    datasets: Sequence[AnyDataset], bins: TimeBins, number: int, per_interval: PerInterval
) -> tuple[AnyDataset, ...]:
    """The datasets of one interval that have data, or with "stack" their sum."""
    group = [datasets[k] for k in bins.members[number] if _has_data(datasets[k])]
    return tuple(group if per_interval == "joint" else _stacked(group, f"interval-{bins.names[number]}"))


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
    return bool(dataset.mask_safe.any()) and getattr(dataset, "counts_off", 0) is not None
