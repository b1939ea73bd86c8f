"""The table of models as types of the configuration: parameters and options of each become traits."""

from collections.abc import Callable
from functools import partial
from typing import Any

from gammapy_hli.components.ebl import EblAbsorption
from gammapy_hli.core.option import NOT_GIVEN
from gammapy_hli.core.slots import Slot
from gammapy_hli.core.traits import Bool, Choice, List, ModelParameter, Path, Plain, Str
from gammapy_hli.core.typed import ModelType
from gammapy_hli.engine.models.catalogue import CATALOGUE
from gammapy_hli.engine.models.entries import ModelEntry, OptionEntry, ParameterEntry

_EBL_HELP = (
    "Absorption by the extragalactic background light, {reference: dominguez, redshift: 0.116}: multiplies with "
    "EBLAbsorptionNormSpectralModel; parameters are then model1.* (this spectrum) and model2.* (the absorption)."
)


def model_types(kind: str) -> Callable[[], list[ModelType]]:
    """A callable that gives the types of one kind: spectral, spatial or temporal."""
    return partial(_types, kind)


def _types(kind: str) -> list[ModelType]:
    return [_type(entry) for entry in CATALOGUE[kind].values()]


def _type(entry: ModelEntry) -> ModelType:
    options: dict[str, Any] = {parameter.name: _parameter_trait(parameter) for parameter in entry.parameters}
    options |= {option.name: _option_trait(option) for option in entry.options}
    if entry.kind == "spectral" and entry.unit:
        options["ebl"] = Slot(EblAbsorption, optional=True, help=_EBL_HELP)
    return ModelType(entry.tag, entry.short, options, entry.help)


def _parameter_trait(entry: ParameterEntry) -> ModelParameter:
    default: Any = f"{entry.default!r} {entry.unit}" if entry.unit else entry.default
    return ModelParameter(
        NOT_GIVEN if entry.required else default,
        unit=entry.unit,
        frozen=entry.frozen,
        least=entry.least,
        help=entry.help or f"Parameter {entry.name}.",
        level="basic",
    )


def _option_trait(entry: OptionEntry) -> Any:
    default = NOT_GIVEN if entry.required else entry.default
    help_text = entry.help or f"Option {entry.name}."
    if entry.type == "choice":
        return Choice(entry.allowed, default, help=help_text)
    if entry.type == "path":
        return Path(default, help=help_text)
    if entry.type == "bool":
        return Bool(default, help=help_text)
    if entry.type == "text":
        return Str(default, help=help_text)
    if entry.type == "quantities":
        return List(Plain(), default, help=help_text, allow_none=None if entry.required else True)
    return Plain(default, help=help_text)
