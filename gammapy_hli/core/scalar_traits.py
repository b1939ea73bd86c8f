"""Traits with one plain value: Int, Float, Bool, Str, Choice, Path."""

import math
import numbers
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import Any, Literal

import traitlets

from gammapy_hli.base.errors import ConfigError, Problem
from gammapy_hli.base.near_path import near_path
from gammapy_hli.base.suggest import suggest
from gammapy_hli.core.option import NOT_GIVEN, InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin

_SWITCH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class _Number(Option):
    """What Int and Float share: bounds and messages."""

    def check_range(self, number: float) -> None:
        """InvalidValue where the number is out of bounds."""
        fits = (
            (self.min is None or number >= self.min)
            and (self.max is None or number <= self.max)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )
        if not fits:
            raise InvalidValue(f"{shown(number)} is out of range; expected {self.expected()}", code="range")

    def not_a_number(self, raw: Any) -> InvalidValue:
        """The mistake of a value that is no number, with the hint that fits."""
        hint = None
        if isinstance(raw, str) and isinstance(self.read_word(raw), int | float):
            hint = f"write it without quotes: {raw.strip()}"
        elif isinstance(raw, str) and re.match(r"\s*[-+.0-9]+\s*[A-Za-z]", raw):
            hint = "it takes a number without unit"
        return InvalidValue(f"{shown(raw)} is not {self.expected()}", hint, "type")

    def value_schema(self) -> dict[str, Any]:
        words = {
            "minimum": self.min,
            "maximum": self.max,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {**self._type_schema(), **{key: bound for key, bound in words.items() if bound is not None}}

    def _type_schema(self) -> dict[str, Any]:
        return {"type": "number"}


class Int(_Number, traitlets.Int):
    """A whole number; ``10.0`` passes, true and "10" do not."""

    kind = "a whole number"

    def check_value(self, raw: Any) -> int:
        is_integral = isinstance(raw, numbers.Integral) or (isinstance(raw, numbers.Real) and float(raw).is_integer())
        if isinstance(raw, bool) or not is_integral:
            raise self.not_a_number(raw)
        self.check_range(int(raw))
        return int(raw)

    def _type_schema(self) -> dict[str, Any]:
        return {"type": "integer"}


class Float(_Number, traitlets.Float):
    """A number; no bool, no nan, no inf."""

    kind = "a number"

    def check_value(self, raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, numbers.Real):
            raise self.not_a_number(raw)
        if not math.isfinite(raw):
            raise InvalidValue(f"{raw} is not a finite number; expected {self.expected()}", code="finite")
        self.check_range(float(raw))
        return float(raw)


class Bool(Option, traitlets.Bool):
    """true or false."""

    kind = "true or false"

    def check_value(self, raw: Any) -> bool:
        if isinstance(raw, bool):
            return raw
        if type(raw).__name__ in ("bool_", "bool") and hasattr(raw, "item"):
            return bool(raw)
        meant = _SWITCH.get(raw.lower()) if isinstance(raw, str) else None
        hint = f"write {meant}" if meant else f"write {raw.lower()} without quotes" if _is_quoted_bool(raw) else None
        raise InvalidValue(f"{shown(raw)} is not true or false", hint, "type")

    def value_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Str(Option, traitlets.Unicode):
    """A text."""

    kind = "text"

    def check_value(self, raw: Any) -> str:
        if isinstance(raw, str):
            return str(raw)
        hint = f'write "{shown(raw)}"' if isinstance(raw, bool | int | float) else None
        raise InvalidValue(f"{shown(raw)} is not text", hint, "type")

    def read_word(self, word: str) -> Any:
        return None if word == "null" and self.allow_none else word

    def value_schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Choice(Option, traitlets.Enum):
    """One of a few words, matched exactly.

    Parameters
    ----------
    values : sequence of str, or callable that gives it
        The allowed words.
    default : str, optional
    **metadata
        As for `Option`.
    """

    kind = "one of a list"

    def __init__(self, values: Sequence[str] | Callable[[], Sequence[str]], default: Any = NOT_GIVEN, **metadata: Any):
        self._values = values
        super().__init__(default, **metadata)

    @property
    def values(self) -> Any:
        """The allowed words, as a tuple."""
        return tuple(self._values() if callable(self._values) else self._values)

    @values.setter
    def values(self, values: Any) -> None:
        self._values = values

    def check_value(self, raw: Any) -> str:
        allowed = self.values
        if isinstance(raw, str) and raw in allowed:
            return str(raw)
        found = suggest(raw, allowed) if isinstance(raw, str) else None
        mean = f"; did you mean '{found}'?" if found else "."
        raise InvalidValue(f"{shown(raw)} is not allowed{mean} Allowed: {', '.join(allowed)}", code="choice")

    def read_word(self, word: str) -> Any:
        return None if word == "null" and self.allow_none else word

    def expected(self) -> str:
        return "one of " + ", ".join(self.values)

    def value_schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


class Path(Option, traitlets.Unicode):
    """A file or folder, kept as it is written; ``$VAR`` and ``~`` are expanded when it is used.

    Parameters
    ----------
    default : str, optional
    role : {"input", "output"}
        An input in a file is relative to that file; an output always to the working directory.
    folder : bool
        Whether it is a folder.
    **metadata
        As for `Option`.
    """

    def __init__(
        self,
        default: Any = NOT_GIVEN,
        *,
        role: Literal["input", "output"] = "input",
        folder: bool = False,
        **metadata: Any,
    ):
        self.role = role
        self.folder = folder
        super().__init__(default, **metadata)

    def check_value(self, raw: Any) -> str:
        if isinstance(raw, os.PathLike):
            raw = os.fspath(raw)
        if not isinstance(raw, str):
            raise InvalidValue(f"{shown(raw)} is not {self.expected()}", "write it in quotes", "type")
        if not raw.strip() or "\0" in raw:
            raise InvalidValue("an empty text is not a path" if not raw.strip() else "a path cannot hold a null byte")
        return raw

    def read_word(self, word: str) -> Any:
        return None if word == "null" and self.allow_none else word

    def make(self, stored: str, origin: Origin | None) -> FilePath:
        folder = origin.folder if origin is not None and self.role == "input" else None
        try:
            return expand_path(stored, folder)
        except InvalidValue as error:
            path = self.name or ""
            problem = (origin or Origin("default")).problem("variable", path, error.message, hint=error.hint)
            raise ConfigError(problem) from None

    def expected(self) -> str:
        return f"the path of {'a folder' if self.folder else 'a file'}"

    def value_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


def expand_path(text: str, folder: FilePath | None = None) -> FilePath:
    """A path with variables and ``~`` expanded, relative to a folder where it is not absolute.

    Raises
    ------
    InvalidValue
        A variable that is not defined; the message names it.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1) if match.group(1) is not None else match.group(2)
        if not os.environ.get(name):
            raise InvalidValue(
                f"'{text}': environment variable ${name} is not set", f"set it with: export {name}=...", "variable"
            )
        return os.environ[name]

    expanded = FilePath(os.path.expanduser(_VARIABLE.sub(replace, text)))
    return expanded if folder is None or expanded.is_absolute() else folder / expanded


def missing_path(trait: Path, stored: str, origin: Origin, path: str) -> Problem | None:
    """The problem of an input that is not there; None where it is."""
    folder = origin.folder if trait.role == "input" else None
    try:
        found = expand_path(stored, folder)
    except InvalidValue as error:
        return origin.problem("variable", path, error.message, hint=error.hint)
    if trait.folder and found.is_file():
        return origin.problem("input-missing", path, f"{found} is a file; expected a folder")
    if trait.folder and not found.is_dir():
        return origin.problem("input-missing", path, f"folder not found: {found}", hint=near_path(found))
    if not trait.folder and not found.exists():
        return origin.problem("input-missing", path, f"file not found: {found}", hint=near_path(found))
    return None


def _is_quoted_bool(raw: Any) -> bool:
    return isinstance(raw, str) and raw.lower() in ("true", "false")
