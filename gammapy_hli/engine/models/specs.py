"""Models as they are written in a file, checked but not yet made. Plain data, no numpy."""

from dataclasses import dataclass, field
from typing import Any

from gammapy_hli.base.yaml_reader import Node
from gammapy_hli.engine.models.entries import ModelEntry

__all__ = ["ComponentSpec", "ModelSpec", "ParameterSpec"]


@dataclass(slots=True)
class ParameterSpec:
    """A parameter as set; None where the table's own value holds. Numbers are in the unit of the table."""

    node: Node
    path: str
    value: float | None = None
    min: float | None = None
    max: float | None = None
    error: float | None = None
    frozen: bool | None = None
    prior: tuple[str, dict[str, float], float] | None = None
    link: str | None = None


@dataclass(slots=True)
class ComponentSpec:
    """A spectral, spatial or temporal model: its entry, the parameters that are set, its options."""

    node: Node
    path: str
    entry: ModelEntry
    parameters: dict[str, ParameterSpec] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ModelSpec:
    """A source, or a background: of one dataset (then `name` is the name of the dataset), or from a file of counts."""

    node: Node
    path: str
    name: str
    is_background: bool = False
    counts_file: str | None = None
    spectral: ComponentSpec | None = None
    spatial: ComponentSpec | None = None
    temporal: ComponentSpec | None = None
    datasets_names: tuple[str, ...] | None = None
    apply_irf: dict[str, bool] = field(default_factory=dict)
