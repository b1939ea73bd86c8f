"""The datasets of an interval of time as the likelihood takes them: one beside the other, or their sum."""

from collections.abc import Sequence
from typing import Any, Literal

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.fit.likelihood import AnyDataset

PerInterval = Literal["joint", "stack"]


def interval_datasets(
    datasets: Sequence[AnyDataset], bins: TimeBins, number: int, per_interval: PerInterval
) -> tuple[AnyDataset, ...]:
    """The datasets of one interval that have data, or with "stack" their sum."""
    group = [datasets[k] for k in bins.members[number] if _has_data(datasets[k])]
    return tuple(group if per_interval == "joint" else _stacked(group, f"interval-{bins.names[number]}"))


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
