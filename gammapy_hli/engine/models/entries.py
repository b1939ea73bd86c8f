"""Shapes of the rows of the model table: a model, a parameter, an option. The rows are in the ``*_table`` files."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["DNDE", "Kind", "ModelEntry", "OptionEntry", "ParameterEntry"]

Kind = Literal["spectral", "spatial", "temporal", "background"]

DNDE = "TeV-1 s-1 cm-2"
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class ParameterEntry:
    """One parameter of a model.

    Attributes
    ----------
    name : str
        gammapy's name.
    default : float
        In `unit`.
    unit : str
        The unit in which the engine holds the value ('' for a pure number).
    min, max : float
        Bounds in `unit`; nan where there is none.
    frozen : bool
        Whether a fit leaves it alone unless told otherwise.
    help : str
        One sentence.
    required : bool
        Whether somebody must give it, since no default would be right; `default` serves models made in code.
    least : float
        Least value that makes sense to set; nan where there is none. No bound: a fit may go below.
    """

    name: str
    default: float
    unit: str = ""
    min: float = NAN
    max: float = NAN
    frozen: bool = False
    help: str = ""
    required: bool = False
    least: float = NAN


@dataclass(frozen=True, slots=True)
class OptionEntry:
    """Something that a model needs and no fit moves: a file, a frame, an interpolation.

    Attributes
    ----------
    name : str
        Key in the YAML files.
    type : str
        'choice', 'path', 'bool', 'text', 'quantities' ({data, unit} or a list of texts with units) or 'model' (a
        nested spectral model).
    default : object
        None where there is none.
    allowed : tuple of str
        The values of a choice.
    required : bool
        Whether the model cannot be made without it.
    help : str
        One sentence.
    """

    name: str
    type: Literal["choice", "path", "bool", "quantities", "model", "text"]
    default: object = None
    allowed: tuple[str, ...] = ()
    required: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model type.

    Attributes
    ----------
    tag : str
        gammapy's long tag, which files use.
    short : tuple of str
        Short tags, for people.
    kind : str
        'spectral', 'spatial', 'temporal' or 'background'.
    parameters : tuple of ParameterEntry
        In gammapy's order, which is the order of arrays and of the covariance.
    help : str
        First line: what it is; then the formula.
    options : tuple of OptionEntry
    unit : str
        Of what the model gives: `DNDE`, '' for a dimensionless factor, 'sr-1' for spatial models.
    implementation : str
        'package.module:Class', loaded when a model of this type is made; '' where the engine cannot evaluate it yet.
    """

    tag: str
    short: tuple[str, ...]
    kind: Kind
    parameters: tuple[ParameterEntry, ...]
    help: str
    options: tuple[OptionEntry, ...] = field(default=())
    unit: str = ""
    implementation: str = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """Every name the model answers to, the long one first."""
        return (self.tag, *self.short)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of the options in order."""
        return tuple(option.name for option in self.options)
