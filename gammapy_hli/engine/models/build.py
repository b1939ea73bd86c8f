"""Makes models from checked specifications, and follows the links between their parameters."""

from importlib import import_module
from typing import Any

import astropy.units as u

from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.catalogue import resolve_tag
from gammapy_hli.engine.models.check import ModelChecker
from gammapy_hli.engine.models.entries import ModelEntry
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import AnyModel, Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.specs import ComponentSpec, ModelSpec, ParameterSpec
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.models.temporal import TemporalModel

__all__ = ["build_models", "build_spectral", "make_spectral", "spectral_class"]


def spectral_class(entry: ModelEntry) -> type[SpectralModel]:
    """The class behind an entry of the table, imported now."""
    module, _, name = entry.implementation.partition(":")
    return getattr(import_module(module), name)


def make_spectral(type: str, **values: Any) -> SpectralModel:
    """A spectral model by its tag.

    Examples
    --------
    >>> make_spectral("pl", index=2.3).parameters["index"].value
    2.3
    """
    return spectral_class(resolve_tag(type, "spectral"))(**values)


class _Misfit(InputError):
    """What does not fit, and the component that it is about."""

    def __init__(self, message: str, spec: ComponentSpec):
        super().__init__(message)
        self.spec = spec


def build_models(specs: list[ModelSpec], checker: ModelChecker, strict_links: bool) -> Models:
    """The models of the specifications.

    Parameters
    ----------
    specs : list of ModelSpec
    checker : ModelChecker
        That made them; with its problems.
    strict_links : bool
        Whether a link must name a parameter (the short form) or may be a bare label (gammapy's files).

    Raises
    ------
    ConfigError
        All problems, those of the checker and those found while building.
    """
    if checker.problems:
        raise ConfigError(checker.problems)
    made: list[AnyModel] = []
    for spec in specs:
        try:
            made.append(_build_model(spec))
        except InputError as error:
            place = error.spec if isinstance(error, _Misfit) else spec
            checker.report(place.node, place.path, str(error))
    if checker.problems:
        raise ConfigError(checker.problems)
    models = Models(made)
    _follow_links(models, specs, checker, strict_links)
    if checker.problems:
        raise ConfigError(checker.problems)
    return models


def _build_model(spec: ModelSpec) -> AnyModel:
    spectral = None if spec.spectral is None else build_spectral(spec.spectral)
    if spec.is_background:
        return FoVBackgroundModel(spec.name, spectral)
    if spec.counts_file is not None:
        return TemplateNPredModel(spec.name, spec.counts_file, None, spectral, spec.datasets_names)
    assert spectral is not None  # the checker reports a source without a spectrum
    spatial = None
    if spec.spatial is not None:
        spatial = SpatialModel(spec.spatial.entry.tag, **spec.spatial.options)
        _set_parameters(spatial, spec.spatial)
    temporal = None if spec.temporal is None else TemporalModel(spec.temporal.entry.tag, **spec.temporal.options)
    return SkyModel(spec.name, spectral, spatial, temporal, spec.datasets_names, spec.apply_irf)


def build_spectral(spec: ComponentSpec) -> SpectralModel:
    """A spectral model from a checked specification."""
    options: dict[str, Any] = {}
    for option in spec.entry.options:
        value = spec.options.get(option.name)
        if value is None:
            continue
        if option.type == "model":
            value = build_spectral(value)
        elif option.type == "quantities":
            value = u.Quantity(*value)
        options[option.name] = value
    try:
        model = spectral_class(spec.entry).build(options)
        _set_parameters(model, spec)
        model.check_values()
    except InputError as error:
        raise _Misfit(str(error), spec) from error
    return model


def _set_parameters(model: SpectralModel | SpatialModel, spec: ComponentSpec) -> None:
    for name, given in spec.parameters.items():
        _set(model.parameters[name], given)


def _set(parameter: Parameter, given: ParameterSpec) -> None:
    for key in ("value", "min", "max", "error", "frozen"):
        if getattr(given, key) is not None:
            setattr(parameter, key, getattr(given, key))
    if given.prior is not None:
        parameter.prior = Prior(*given.prior)


def _follow_links(models: Models, specs: list[ModelSpec], checker: ModelChecker, strict: bool) -> None:
    """Let parameters share, each with the one at the end of its chain of links."""
    wanted = _wanted_links(models, specs, checker, strict)
    for name, (target, given) in wanted.items():
        passed = [name]
        while target in wanted and target not in passed:
            passed.append(target)
            target = wanted[target][0]
        if target in passed:
            circle = " -> ".join([*passed[passed.index(target) :], target])
            checker.report(given.node, given.path, f"link: {circle} is a circle; give one of them a value", "link")
            continue
        try:
            models.link(name, target)
        except InputError as error:
            checker.report(given.node, given.path, str(error), "link")


def _wanted_links(
    models: Models, specs: list[ModelSpec], checker: ModelChecker, strict: bool
) -> dict[str, tuple[str, ParameterSpec]]:
    """For each linked parameter the other one: that which its link names, or the first that carries the same label."""
    names = models.parameters
    first: dict[str, str] = {}
    wanted: dict[str, tuple[str, ParameterSpec]] = {}
    for model, spec in zip(models, specs, strict=True):
        for name, given in _linked(model.name, spec):
            label = str(given.link)
            target = label if label in names else first.setdefault(label, name)
            if target == name and label != name and strict:
                message = f"link: there is no parameter {label!r}.{did_you_mean(label, names)}"
                checker.report(given.node, given.path, f"{message} Parameters: {', '.join(names)}.", "link")
            elif target != name:
                wanted[name] = (target, given)
            elif strict:
                checker.report(
                    given.node, given.path, f"link: {name!r} is linked with itself; take the link out", "link"
                )
    return wanted


def _linked(model: str, spec: ModelSpec) -> list[tuple[str, ParameterSpec]]:
    """Qualified name and specification of every parameter with a link."""
    found: list[tuple[str, ParameterSpec]] = []

    def walk(component: ComponentSpec, prefix: str) -> None:
        found.extend(
            (f"{prefix}.{name}", given) for name, given in component.parameters.items() if given.link is not None
        )
        for name, option in component.options.items():
            if isinstance(option, ComponentSpec):
                walk(option, f"{prefix}.{name}")

    for kind in ("spectral", "spatial"):
        component = getattr(spec, kind)
        if component is not None:
            walk(component, f"{model}.{kind}")
    return found
