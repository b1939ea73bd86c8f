"""Sources and sets of sources: the one object that a fit starts from and gives back."""

import copy
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.base import FloatArray, SpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.models.temporal import TemporalModel

__all__ = ["Models", "SkyModel"]

_IRFS = ("exposure", "psf", "edisp")


class SkyModel(Summary):
    """A source: a spectrum, and where and when it shines.

    Parameters
    ----------
    name : str
    spectral : SpectralModel
        A flux, not a norm model.
    spatial : SpatialModel, optional
        None for a source whose exposure already holds the containment.
    temporal : TemporalModel, optional
    datasets_names : sequence of str, optional
        The datasets in which the source shines; None for all.
    apply_irf : mapping of str to bool, optional
        Which of exposure, psf and edisp apply; all by default.
    """

    def __init__(
        self,
        name: str,
        spectral: SpectralModel,
        spatial: SpatialModel | None = None,
        temporal: TemporalModel | None = None,
        datasets_names: Sequence[str] | None = None,
        apply_irf: Mapping[str, bool] | None = None,
    ):
        if spectral.is_norm:
            raise InputError(
                f"source {name!r}: {spectral.tag} is a dimensionless factor; expected a flux in TeV-1 s-1 cm-2. "
                "Multiply it with a flux (type: compound, operator: mul)."
            )
        self.name = name
        self.spectral = spectral
        self.spatial = spatial
        self.temporal = temporal
        self.datasets_names = None if datasets_names is None else tuple(datasets_names)
        self.apply_irf = dict.fromkeys(_IRFS, True) | dict(apply_irf or {})

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """('crab.spectral.index', parameter) and so on: spectral, then spatial, then temporal."""
        for component in ("spectral", "spatial", "temporal"):
            model = getattr(self, component)
            if model is not None:
                for name, parameter in zip(model.parameters.names, model.parameters, strict=True):
                    yield f"{self.name}.{component}.{name}", parameter

    @property
    def position(self) -> SkyCoord | None:
        """Where the source is; None without a spatial model."""
        return None if self.spatial is None else self.spatial.position

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, SkyModel) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Name, components and datasets."""
        shown: dict[str, Any] = {"name": self.name, "spectral": self.spectral.summary()}
        if self.spatial is not None:
            shown["spatial"] = self.spatial.summary()
        if self.temporal is not None:
            shown["temporal"] = self.temporal.summary()
        if self.datasets_names is not None:
            shown["datasets"] = ", ".join(self.datasets_names)
        return shown


AnyModel = SkyModel | FoVBackgroundModel | TemplateNPredModel


class Models(Summary, Sequence[AnyModel]):
    """Models in order, found by number or by name, with one covariance of all their parameters.

    Parameters
    ----------
    models : iterable of SkyModel, FoVBackgroundModel or TemplateNPredModel
        Their names must differ.
    covariance : array (n_all, n_all), optional
        In the order of `parameters` and in their units, zeros for frozen ones.
    """

    def __init__(self, models: Iterable[AnyModel] | AnyModel = (), covariance: FloatArray | None = None):
        self._models: list[AnyModel] = [models] if isinstance(models, AnyModel) else list(models)
        seen: set[str] = set()
        for model in self._models:
            if model.name in seen:
                raise InputError(f"two models are named {model.name!r}; every model needs a name of its own")
            seen.add(model.name)
        self._covariance: FloatArray | None = None
        if covariance is not None:
            self.covariance = covariance

    # --- parameters -----------------------------------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(model.name for model in self._models)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by its qualified name ('crab.spectral.index'); shared ones under each of their names."""
        return {name: parameter for model in self._models for name, parameter in model.named_parameters()}

    @property
    def values(self) -> FloatArray:
        """Values in the order of `parameters`."""
        return np.array([parameter.value for parameter in self.parameters.values()], dtype=float)

    @property
    def links(self) -> dict[str, str]:
        """For each name of a shared parameter but its first: the first name."""
        first: dict[int, str] = {}
        named = self.parameters
        return {
            name: first[id(parameter)]
            for name, parameter in named.items()
            if first.setdefault(id(parameter), name) != name
        }

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that a fit moves: not frozen, each shared one once."""
        links = self.links
        return tuple(name for name, parameter in self.parameters.items() if not parameter.frozen and name not in links)

    def parameter(self, name: str) -> Parameter:
        """The parameter of a qualified name.

        Raises
        ------
        InputError
            There is none; with a suggestion.
        """
        named = self.parameters
        if name not in named:
            raise InputError(
                f"there is no parameter {name!r}.{did_you_mean(name, named)} Parameters: {', '.join(named)}."
            )
        return named[name]

    def link(self, name: str, to: str) -> None:
        """Let the parameter `name` be the same object as the parameter `to`; its own value and error are dropped."""
        self.parameter(name)
        source, component, path = self._split(name)
        getattr(self[source], component).replace_parameter(path, self.parameter(to))
        self._covariance = None

    def _split(self, name: str) -> tuple[str, str, str]:
        """Source, component and name within the component; source names may hold dots."""
        for model in self._models:
            if name in dict(model.named_parameters()):
                component, path = name[len(model.name) + 1 :].split(".", 1)
                return model.name, component, path
        raise InputError(f"there is no parameter {name!r}.{did_you_mean(name, self.parameters)}")

    # --- covariance -----------------------------------------------------------------------------------------------
    @property
    def covariance(self) -> FloatArray:
        """Covariance of all parameters (n_all, n_all), frozen ones included; from the errors where none was set."""
        if self._covariance is not None:
            return self._covariance
        named = self.parameters
        links = self.links
        first = [links.get(name, name) for name in named]
        errors = np.array([parameter.error for parameter in named.values()], dtype=float)
        is_same = np.array([[a == b for a in first] for b in first], dtype=bool).reshape(len(first), len(first))
        return np.where(is_same, np.outer(errors, errors), 0.0)

    @covariance.setter
    def covariance(self, matrix: FloatArray) -> None:
        matrix = np.array(matrix, dtype=float)
        named = self.parameters
        if matrix.shape != (len(named), len(named)):
            raise InputError(
                f"covariance has shape {matrix.shape}; expected {(len(named), len(named))}, "
                f"one row a parameter: {', '.join(named)}"
            )
        self._covariance = matrix
        for parameter, variance in zip(named.values(), np.diag(matrix), strict=True):
            if parameter.error**2 != variance:
                parameter.error = float(np.sqrt(variance)) if variance > 0 else 0.0

    def covariance_of(self, name: str, component: Literal["spectral", "spatial"] = "spectral") -> FloatArray:
        """The block of the covariance of one component of one model, in the order of its parameters."""
        prefix = f"{self[name].name}.{component}."
        own = {full for full, _ in self[name].named_parameters() if full.startswith(prefix)}
        places = [place for place, full in enumerate(self.parameters) if full in own]
        return self.covariance[np.ix_(places, places)]

    # --- container ------------------------------------------------------------------------------------------------
    @overload
    def __getitem__(self, key: int | str) -> AnyModel: ...
    @overload
    def __getitem__(self, key: slice) -> "Models": ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.names:
                known = ", ".join(self.names) or "none"
                raise InputError(f"there is no model {key!r}.{did_you_mean(key, self.names)} Models: {known}.")
            return self._models[self.names.index(key)]
        return self.subset(self.names[key]) if isinstance(key, slice) else self._models[key]

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, item: object) -> bool:
        return item in self.names if isinstance(item, str) else any(item is model for model in self._models)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Models):
            return NotImplemented
        same = self._models == other._models and self.links == other.links
        return same and np.array_equal(self.covariance, other.covariance)

    __hash__ = None  # type: ignore[assignment]

    def template_files(self) -> list[Path]:
        """Files of the maps that models are made of, environment variables expanded."""
        names = [
            model.filename if isinstance(model, TemplateNPredModel) else model.spatial.options["filename"]
            for model in self._with_template()
        ]
        return [Path(os.path.expandvars(os.path.expanduser(str(name)))) for name in names if name is not None]

    def table_files(self) -> list[Path]:
        """Files of the tables that spectra were read from."""
        spectra = [model.spectral for model in self if model.spectral is not None]
        return list(dict.fromkeys(path for spectral in spectra for path in spectral.files))

    def read_templates(self) -> None:
        """Read the maps that models are made of, which are then kept; InputError where one is none."""
        for model in self._with_template():
            _ = model.map if isinstance(model, TemplateNPredModel) else model.spatial.template

    def _with_template(self) -> Iterator[Any]:
        for model in self:
            if isinstance(model, TemplateNPredModel) or (model.spatial is not None and model.spatial.is_template):
                yield model

    def copy(self) -> "Models":
        """An independent copy; shared parameters stay shared."""
        return copy.deepcopy(self)

    def subset(self, names: Iterable[str]) -> "Models":
        """The same model objects, fewer of them, in the order of `names`, with their block of the covariance."""
        chosen = Models(self[name] for name in names)
        if self._covariance is not None:
            order = list(self.parameters)
            places = [order.index(name) for name in chosen.parameters]
            chosen._covariance = self._covariance[np.ix_(places, places)]
        return chosen

    def for_dataset(self, dataset_name: str) -> "Models":
        """The models that shine in a dataset."""
        return self.subset(
            model.name for model in self._models if model.datasets_names is None or dataset_name in model.datasets_names
        )

    def with_values(self, values: Mapping[str, Any]) -> "Models":
        """A copy with other values for some parameters, by qualified name."""
        new = self.copy()
        for name, value in values.items():
            new.parameter(name).value = value
        return new

    def summary(self) -> dict[str, Any]:
        """Each model by name."""
        return {model.name: {k: v for k, v in model.summary().items() if k != "name"} for model in self._models}
